#!/usr/bin/env bash
# The upconv program as one uses it: what it prints, where, and how it exits.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

expect 0 "upconv " --version
expect 0 "generate" --help
expect 0 "Examples:" --help
expect 0 "NO_COLOR" --help
expect 0 "upconv generate netG.pt2" generate --help
expect 2 "subcommand" 
expect 2 "--nonsense" generate --nonsense
expect 2 "--count" generate --count 0
expect 2 "--count" generate --count many
expect 1 'unknown model "dcgam"' generate dcgam
expect 1 "nowhere.safetensors" generate --weights nowhere.safetensors
expect 1 "no/such/folder" generate --count 1 --out no/such/folder/x.png
mkfifo pipe
expect 1 "pipe: expected a regular file to write" generate --count 1 --out pipe
expect 1 "pipe: expected a regular file to write" convert "$golden/layer.safetensors" pipe
check test -p pipe
if [ -c /dev/full ]; then
  # shellcheck disable=SC2016  # the inner shell's own arguments
  check sh -c '! "$1" inspect "$2" >/dev/full 2>err.txt' sh "$program" "$golden/layer.safetensors"
  check grep -qx "upconv: the results cannot be written: No space left on device" err.txt
fi

expect 0 "fake.png: 64 pictures" generate
check test -s fake.png
check test ! -s err.txt
# One stream of latents, however it is cut and however many threads paint it.
expect 0 "cut.png" generate --batch 7 --threads 1 --out cut.png
check cmp fake.png cut.png
expect 0 "other.png" generate --seed 1 --out other.png
check sh -c '! cmp -s fake.png other.png'
expect 0 "one.png: 1 picture in" generate --count 1 --out one.png

head -c 100000 /dev/urandom >bad.safetensors
expect 1 "bad.safetensors" generate --weights bad.safetensors --out bad.png
check test ! -e bad.png

# run: numbers that PyTorch computed, on every instruction set of the machine. They are whole, so all bits agree.
layer="ConvTranspose2d(4, 6, (3, 2), (2, 3), 1, (1, 0), 2, dilation=(2, 1))"
weights=(--weights "$golden/layer.safetensors")
isas=$("$program" run --help | sed -n 's/.*on this machine //p' | tr -d ,)
check test -n "$isas"
for isa in $isas; do
  expect 0 "y.npy: float32 (2, 6, 8, 12)" run "$(cat "$golden/sequential.txt")" \
    --weights "$golden/sequential.safetensors" --input "$golden/x.npy" --output y.npy --isa "$isa"
  check cmp y.npy "$golden/y.npy"
  expect 0 "y.npy: float32 (6, 7, 13)" run "$layer" "${weights[@]}" --input "$golden/x0_float64.npy" --output y.npy \
    --output-size 7,13 --isa "$isa" --threads 1
  check cmp y.npy "$golden/y_7_13.npy"
done
for weights_file in net.zip.pth net.legacy.pth net.stored.npz; do
  expect 0 "y.npy: float32 (2, 6, 8, 12)" run "$(cat "$golden/sequential.txt")" \
    --weights "$golden/../weights/$weights_file" --input "$golden/x.npy" --output y.npy
  check cmp y.npy "$golden/y.npy"
done
expect 0 "y.npy: float32 (2, 4, 3, 5)" run "ReLU()" --input "$golden/x.npy" --output y.npy
expect 0 "Examples:" run --help

rm y.npy
on_x=(--input "$golden/x.npy" --output y.npy)
expect 1 'SPEC 1:1: unknown layer "ConvTransposed2d"; did you mean ConvTranspose2d?' \
  run "ConvTransposed2d(4, 6, 3)" "${on_x[@]}"
expect 1 'SPEC 1:22: expected "," or ")"' run "ConvTranspose2d(4, 6 3)" "${on_x[@]}"
expect 1 'unknown network "dcgam"; did you mean dcgan?' run dcgam "${on_x[@]}"
expect 1 'SPEC names no example (there is dcgan, ' run relu "${on_x[@]}"
expect 1 '); as a module: 1:1: unknown layer "relu"; did you mean ReLU?' \
  run relu "${on_x[@]}"
expect 1 "ConvTranspose2d has weights, such as weight: give --weights" run "$layer" "${on_x[@]}"
expect 1 "missing: 0.weight, 0.bias" run "Sequential($layer)" "${weights[@]}" "${on_x[@]}"

npy indices.npy '<i8' '(2,)' '\x00\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0'
npy small.npy '|i1' '(2,)' '\x00\x02'
npy half.npy '>f2' '(1, 2)' '\x3c\x00\xc0\x00'
npy objects.npy '|O' '(2,)' '\x00\x02'
expect 0 "y.npy: float32 (1, 2)" run "Identity()" --input half.npy --output y.npy
npy expected.npy '<f4' '(1, 2)' '\0\0\x80\x3f\0\0\0\xc0'
check test "$(tail -c 8 y.npy | od -An -tx1)" = "$(tail -c 8 expected.npy | od -An -tx1)"
rm y.npy
expect 1 "ConvTranspose2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (1, 2)" \
  run "$layer" "${weights[@]}" --input half.npy --output y.npy
expect 1 "ConvTranspose2d expected float32, got int64" run "$layer" "${weights[@]}" --input indices.npy --output y.npy
expect 1 "small.npy: expected floating point, int64 or int32 values, got int8" \
  run "Identity()" --input small.npy --output y.npy
expect 1 "objects.npy: the header: expected an array of plain numbers, got Python objects" \
  run "Identity()" --input objects.npy --output y.npy
expect 1 "bad.safetensors: not a NumPy array" run "Identity()" --input bad.safetensors --output y.npy
expect 1 "nowhere.npy: there is no such file" run "Identity()" --input nowhere.npy --output y.npy
expect 1 "no/such/y.npy: cannot be created" run "Identity()" --input half.npy --output no/such/y.npy
expect 1 "ConvTranspose2d output_size (6, 13) is out of range: valid are (7, 12) to (8, 14)" \
  run "$layer" "${weights[@]}" "${on_x[@]}" --output-size 6,13
expect 2 "--output-size: only a ConvTranspose2d alone takes it in its forward, got ReLU" \
  run "ReLU()" "${on_x[@]}" --output-size 7,13
expect 2 '--output-size: expected positive numbers with commas between, such as 1,100,1,1, got "7,"' \
  run "$layer" "${on_x[@]}" --output-size 7,
expect 2 "--isa: this machine has ${isas// /, }, got \"avx9\"" run "ReLU()" "${on_x[@]}" --isa avx9
expect 2 "--input is required" run "ReLU()" --output y.npy
expect 2 "SPEC is required" run "${on_x[@]}"
check test ! -e y.npy

# An Embedding: its weights are floats 0 to 5, two for each of three rows.
header='{"weight":{"dtype":"F16","shape":[3,2],"data_offsets":[0,12]}}'
printf "\\x$(printf %02x ${#header})"'\0\0\0\0\0\0\0%s\0\0\x00\x3c\x00\x40\x00\x42\x00\x44\x00\x45' "$header" >rows.safetensors
expect 0 "y.npy: float32 (2, 2)" run "Embedding(3, 2)" --weights rows.safetensors --input indices.npy --output y.npy
npy expected.npy '<f4' '(2, 2)' '\0\0\0\0\0\0\x80\x3f\0\0\x80\x40\0\0\xa0\x40'
check test "$(tail -c 16 y.npy | od -An -tx1)" = "$(tail -c 16 expected.npy | od -An -tx1)"
npy beyond.npy '<i8' '(1,)' '\x03\0\0\0\0\0\0\0'
expect 1 "beyond.npy: expected indices from 0 to 2, got 3" \
  run "Embedding(3, 2)" --weights rows.safetensors --input beyond.npy --output y.npy
expect 1 "Embedding expected int64 indices, got float32" \
  run "Embedding(3, 2)" --weights rows.safetensors --input half.npy --output y.npy

# json "EXPRESSION" ARGUMENTS...: the program prints one JSON object, of which the Python expression holds.
json() {
  local expression=$1
  shift
  expect 0 "{" "$@" --json
  if command -v python3 >/dev/null; then
    check python3 -c "import json; r = json.load(open('out.txt')); assert $expression, r"
  fi
}

expect 0 "images/s" bench "$layer" --input 2,4,3,5 --seconds 0
check grep -qE '^-  +ConvTranspose2d  +direct  +\(2, 6, 8, 12\) ' out.txt
check sh -c "! grep -q '$(printf '\033')' out.txt"
json "r['threads'] == 1 and r['isa'] == 'scalar' and r['input'] == [2, 4, 3, 5] and r['output'] == [2, 6, 8, 12]" \
  bench "$layer" --input 2,4,3,5 --seconds 0 --isa scalar --threads 1
json "0 < r['min_ms'] <= r['median_ms'] and r['gflops'] > 0 and abs(r['images_per_s'] * r['median_ms'] - 2000) < 1" \
  bench "$layer" "${weights[@]}" --input 2,4,3,5 --seconds 0
json "[l['path'] for l in r['layers']][-1] == 'main.12' and 'stored' in r['layers'][0] and r['images_per_s'] > 0" \
  bench dcgan --input 1,100,1,1 --seconds 0 --tune throughput --accuracy fast
json "[l['precision'] for l in r['layers']] == ['float32'] + 2 * ['bfloat16'] + 2 * ['float32']" \
  bench dcgan --input 1,100,1,1 --seconds 0 --isa scalar --precision bfloat16 --float32 main.9
expect 0 "direct, bfloat16" bench "ConvTranspose2d(32, 32, 4, 2, 1)" --input 1,32,9,9 --seconds 0 --isa scalar --precision bfloat16 --round-inputs --accuracy exact
expect 1 "\"main.8\" names no layer that could be rounded: there are main.0, main.3" \
  bench dcgan --input 1,100,1,1 --seconds 0 --precision bfloat16 --float32 main.8
expect 2 "--float32 requires --precision" bench dcgan --input 1,100,1,1 --float32 main.9
expect 2 "--precision" bench dcgan --input 1,100,1,1 --precision half
json "r['layers'][0]['operation'] == 'Embedding' and r['output'] == [5, 2]" \
  bench "Embedding(3, 2)" --input 5 --seconds 0
# Algorithms by name, and all of them beside the chosen one.
wide="ConvTranspose2d(32, 32, 4, 2, 1)"
expect 0 "of the best" bench "$wide" --input 1,32,9,9 --seconds 0 --algorithm all
check grep -qE '^-  +winograd F\(2,2\) ' out.txt
json "r['layers'][-1]['algorithm'] == 'winograd F(2,2)' and r['algorithm'] == 'winograd F(2,2)'" \
  bench "$wide" --input 1,32,9,9 --seconds 0 --algorithm "winograd F(2,2)"
json "[c['algorithm'] for c in r['layers'][-1]['candidates'] if c['chosen']] == [r['layers'][-1]['algorithm']]" \
  bench "$wide" --input 1,32,9,9 --seconds 0 --algorithm all
json "0 < min(c['ratio'] for c in r['layers'][-1]['candidates']) <= 1 and len(r['layers'][-1]['candidates']) > 2" \
  bench "$wide" --input 1,32,9,9 --seconds 0 --algorithm all
# Layers beside the machine's limits, and one run as a file that the trace viewers of browsers open.
expect 0 "the roof: " bench "$wide" --input 2,32,9,9 --seconds 0 --profile --trace trace.json
check grep -qE '^layer .* MB +% of roof +roof +tiles +% busy$' out.txt
check grep -qE '^-  +ConvTranspose2d  .* (memory|arithmetic) +[0-9]+ +[0-9]+$' out.txt
# inputs 2*32*9*9, outputs 2*32*18*18 and all 16 taps of 32*32 weights, four bytes each, and what aligns them
json "0 <= r['layers'][-1]['bytes'] - 4 * (5184 + 20736 + 16384) < 256 and r['layers'][-1]['bound'] in ('memory', 'arithmetic')" \
  bench "$wide" --input 2,32,9,9 --seconds 0 --algorithm direct --isa scalar --profile
json "all(0 < l['share'] <= 1 and 0 < l['busy'] <= 1 and 0 < l['of_roof'] and l['roof_ms'] > 0 for l in r['layers'])" \
  bench dcgan --input 2,100,1,1 --seconds 0 --profile --trace trace.json --threads 2
json "r['peak_gflops'] > 0 and r['bandwidth_gbytes_per_s'] > 0 and sum(l['share'] for l in r['layers']) < 1.2 and r['layers'][1]['tiles'] > 1" \
  bench dcgan --input 2,100,1,1 --seconds 0 --profile
if command -v python3 >/dev/null; then
  check python3 - trace.json <<'END'
import json, sys
trace = json.load(open(sys.argv[1]))
rows = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
assert len(slices) + len(rows) == len(trace["traceEvents"])
assert rows[0] == "steps" and rows[1] == "caller" and set(rows.values()) <= {"steps", "caller", "worker 1"}, rows
steps = [e["name"] for e in slices if e["tid"] == 0]
assert steps == [f"main.{i} ConvTranspose2d" for i in (0, 3, 6, 9, 12)], steps
assert {e["name"] for e in slices if e["cat"] == "tile"} == set(steps)
for row in rows:  # slices of one row follow each other
    mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == row)
    assert all(a[1] <= b[0] + 1e-3 for a, b in zip(mine, mine[1:])), row
assert all(e["dur"] >= 0 and e["ts"] >= 0 and e["pid"] == 1 for e in slices)
END
fi
expect 2 "--trace requires --profile" bench "$wide" --input 2,32,9,9 --seconds 0 --trace other.json
check test ! -e other.json
expect 1 "no/such/trace.json: cannot be created" \
  bench "$wide" --input 2,32,9,9 --seconds 0 --profile --trace no/such/trace.json
expect 1 'no layer could take the algorithm "winograd F(2;2)": with these options there are winograd F(2,2), ' \
  bench "$wide" --input 1,32,9,9 --isa scalar --algorithm "winograd F(2;2)"
expect 1 'no layer has a choice of algorithms, got "direct"' bench "ReLU()" --input 1,32,9,9 --algorithm direct
expect 1 "main.0: ConvTranspose2d expected 100 channels, got 3" bench dcgan --input 1,3,1,1
expect 1 'unknown network "dcgam"; did you mean dcgan?' bench dcgam --input 1,100,1,1
expect 2 "--input: is required" bench "$wide"
expect 2 "--input: expected 2 of them, got 1" bench conditional_dcgan --input 1,100
json "r['input'] == [1, 100, 1, 1]" bench dcgan --seconds 0
json "r['output'] == [1, 1, 32, 32]" bench conditional_dcgan --seconds 0
json "r['output'] == [3, 1, 32, 32]" bench conditional_dcgan --input 3,100 --input 3 --seconds 0
json "r['output'] == [1, 3, 64, 64]" bench vae --seconds 0
json "r['output'] == [1, 3, 40, 48]" bench taesd --input 1,4,5,6 --seconds 0
json "r['output'] == [1, 3, 12, 16]" bench esrgan --input 1,3,3,4 --seconds 0
json "r['output'] == [2, 3, 32, 32]" bench sngan --input 2,128 --seconds 0
json "r['output'] == [1, 3, 32, 32]" bench cgan_pd --seconds 0
json "r['output'] == [1, 3, 12, 20]" bench srresnet --input 1,3,3,5 --seconds 0
expect 1 'unknown model "taesd"' generate taesd
expect 1 "VaeDecoder has weights, such as decoder_input.weight: give --weights" generate vae --count 1
json "r['output'] == [1, 3, 16, 20]" bench cyclegan --input 1,3,16,20 --seconds 0
json "r['output'] == [1, 3, 16, 20]" bench fast_neural_style --input 1,3,16,20 --seconds 0
expect 1 "Cyclegan has weights, such as model.1.weight: give --weights" run cyclegan "${on_x[@]}"
expect 2 "--input: expected positive numbers" bench dcgan --input 1,x
expect 2 "--input: expected positive numbers" bench dcgan --input 0,100,1,1
expect 2 "--tune" bench dcgan --input 1,100,1,1 --tune speed
expect 2 "--accuracy" bench dcgan --input 1,100,1,1 --accuracy good
expect 2 "--seconds" bench dcgan --input 1,100,1,1 --seconds -1

expect 0 "1 tensor, 6 numbers, 12 bytes" inspect rows.safetensors
check grep -qE '^weight  float16  \(3, 2\) +12$' out.txt
expect 0 "1 tensor, 60 numbers, 480 bytes" inspect "$golden/x0_float64.npy"
check grep -qE '^weight  float64  \(4, 3, 5\) +480$' out.txt
json "r['tensors'] == [{'name': 'weight', 'dtype': 'float16', 'shape': [3, 2], 'bytes': 12}]" inspect rows.safetensors
json "r['totals'] == {'tensors': 1, 'numbers': 2, 'bytes': 4} and r['tensors'][0]['name'] == 'weight'" inspect half.npy
expect 0 "2 tensors, " inspect "$golden/../weights/net.zip.pth"
expect 1 "nowhere: there is no such file" inspect nowhere
expect 0 "1 tensor, 6 numbers, 12 bytes" inspect <(cat rows.safetensors)
expect 1 ": the file is empty" inspect <(true)
expect 1 "/dev/zero: expected a regular file, got a pipe, socket or device" inspect /dev/zero
expect 0 "spectrum cannot be read: of torch.ComplexFloatStorage" inspect "$golden/../strangers/unreadable.pth"
json "[t['name'] for t in r['tensors'] if 'unreadable' in t][0] == 'spectrum'" \
  inspect "$golden/../strangers/unreadable.pth"
expect 1 '"spectrum" cannot be read (of torch.ComplexFloatStorage); leave it out with ignore' \
  convert "$golden/../strangers/unreadable.pth" strangers.safetensors
expect 0 "strangers.safetensors: 9 tensors" convert "$golden/../strangers/unreadable.pth" strangers.safetensors \
  --ignore spectrum --ignore edges --ignore eighths --ignore quantised --ignore nowhere
expect 1 "bad.safetensors: " inspect bad.safetensors
expect 2 "FILE is required" inspect

# pack: what it writes beside the weights changes no bit, and is made anew where something differs.
cp "$golden/sequential.safetensors" packed.safetensors
sequential=(run "$(cat "$golden/sequential.txt")" --weights packed.safetensors --input "$golden/x.npy" --output y.npy)
for isa in $isas; do
  expect 0 "packed.safetensors.packed-$isa: " pack "$(cat "$golden/sequential.txt")" --weights packed.safetensors \
    --input 2,4,3,5 --isa "$isa"
  expect 0 "y.npy: float32 (2, 6, 8, 12)" "${sequential[@]}" --isa "$isa"
  check cmp y.npy "$golden/y.npy"
  head -c 100 "packed.safetensors.packed-$isa" >short
  mv short "packed.safetensors.packed-$isa"
  expect 0 "y.npy: float32 (2, 6, 8, 12)" "${sequential[@]}" --isa "$isa"
  check cmp y.npy "$golden/y.npy"
done
expect 0 "1 packed weight, 0.0 MB" pack "$(cat "$golden/sequential.txt")" --weights packed.safetensors --input 2,4,3,5 --tune latency
expect 1 "nowhere.safetensors" pack "$layer" --weights nowhere.safetensors --input 2,4,3,5
expect 1 "ReLU(): this network has no weights that are packed" \
  pack "ReLU()" --weights "$golden/x0_float64.npy" --ignore weight --input 1,2
expect 2 "--weights: is required" pack "$layer" --input 2,4,3,5
expect 2 "--input: is required" pack "$layer" "${weights[@]}"

# Names in files, and files in another format and type.
names=$(dirname "$golden")/names
net="Sequential(ConvTranspose2d(5, 4, 3, bias=False), BatchNorm2d(4), ReLU(), ConvTranspose2d(4, 3, 4, stride=2))"
npy latent.npy '<f4' '(1, 5, 1, 1)' '\0\0\x80\x3f\0\0\x80\x3f\0\0\x80\x3f\0\0\x80\x3f\0\0\x80\xbf'
on_latent=(--input latent.npy)
expect 1 'give key = "netG.module"' run "$net" --weights "$names/checkpoint.pth" "${on_latent[@]}" --output y.npy
expect 0 "y.npy: float32" run "$net" --weights "$names/netG.safetensors" "${on_latent[@]}" --output y.npy
checkpoint=("$names/checkpoint.pth" --key netG --strip-prefix module.)
expect 0 "z.npy: float32" run "$net" --weights "${checkpoint[@]}" "${on_latent[@]}" --output z.npy
check cmp y.npy z.npy
expect 0 "8 tensors" inspect "${checkpoint[@]}"
expect 0 "7 tensors" inspect "${checkpoint[@]}" --ignore 3.bias
expect 0 "main.conv.weight" inspect "${checkpoint[@]}" --rename 0=main.conv --rename "3.*=main.out.*"
check grep -q "^main.out.bias" out.txt
expect 1 'strip_prefix "modul." fits no name; did you mean module?' \
  inspect "$names/checkpoint.pth" --key netG --strip-prefix modul.
expect 2 '--rename: expected OLD=NEW, got "main"' inspect "$names/checkpoint.pth" --rename main
expect 2 "--key requires --weights" run "$net" --key netG "${on_latent[@]}" --output y.npy
expect 0 "converted.safetensors: 8 tensors" convert "${checkpoint[@]}" converted.safetensors
expect 0 "z.npy: float32" run "$net" --weights converted.safetensors "${on_latent[@]}" --output z.npy
check cmp y.npy z.npy
expect 0 "converted.safetensors: 8 tensors" convert "$names/model.safetensors.index.json" converted.safetensors --dtype bf16
json "{t['dtype'] for t in r['tensors']} == {'bfloat16', 'int64'} and r['metadata'] == {'format': 'pt'}" \
  inspect converted.safetensors
cp "$names/netG.safetensors" trailing.safetensors
echo more >>trailing.safetensors
expect 1 "5 trailing bytes" inspect trailing.safetensors
expect 0 "8 tensors" inspect trailing.safetensors --lenient
npy large.npy '<f4' '(1,)' '\0\0\x80\x47'
cp converted.safetensors before.safetensors
expect 1 "weight: 65536 is beyond the range of float16" convert large.npy converted.safetensors --dtype f16
check cmp converted.safetensors before.safetensors
expect 1 "no/such/x.safetensors: cannot be created" convert large.npy no/such/x.safetensors
expect 2 "--dtype" convert large.npy x.safetensors --dtype f8
expect 2 "OUT is required" convert large.npy
exit $failed
