#!/usr/bin/env bash
# An exported network, a .pt2, in the place of SPEC: what it computes, what it prints, and what is refused.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"
cp "$golden"/{netG,pair,spectrum,two}.pt2 "$golden"/netG.safetensors .

# near FILE FILE COUNT: the last COUNT float32 of both, which are arrays, differ by rounding alone.
# shellcheck disable=SC2317  # called by check
near() {
  paste <(tail -c $((4 * $3)) "$1" | od -An -v -w4 -f) <(tail -c $((4 * $3)) "$2" | od -An -v -w4 -f) |
    awk -v count="$3" '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) bad = 1 } END { exit bad || NR != count }'
}

# json EXPRESSION: of the report r that was printed last.
# shellcheck disable=SC2317
json() {
  command -v python3 >/dev/null || return 0
  python3 -c "import json; r = json.load(open('out.txt')); assert $1, r"
}

# Other weights of the same network, strictly; told by its bytes, not by its name.
mv netG.pt2 net.weights
for isa in $("$program" run --help | sed -n 's/.*on this machine //p' | tr -d ,); do
  expect 0 "y.npy: float32 (1, 3, 32, 32)" run net.weights --weights netG.safetensors --input "$golden/netG.in0.npy" \
    --output y.npy --isa "$isa"
  check near y.npy "$golden/netG.out0.npy" 3072
done
expect 0 "own.npy: float32 (1, 3, 32, 32)" run net.weights --input "$golden/netG.in0.npy" --output own.npy
check sh -c '! cmp -s y.npy own.npy'
mv net.weights netG.pt2
expect 0 "netG.safetensors: 19 tensors" convert netG.pt2 netG.safetensors
expect 0 "z.npy: float32" run netG.pt2 --weights netG.safetensors --input "$golden/netG.in0.npy" --output z.npy
check cmp z.npy own.npy
expect 1 "main.0.weight" run netG.pt2 --weights netG.safetensors --ignore "main.0.*" --input "$golden/netG.in0.npy" \
  --output z.npy
expect 1 "nix.pt2: there is no such file" run nix.pt2 --input "$golden/netG.in0.npy" --output z.npy
expect 1 "no .pt2: weights are given with --weights" run ./netG.safetensors --input "$golden/netG.in0.npy" --output z.npy
zip=$(find "$golden/../weights" -name 'net.zip.pth')
expect 1 "expected an archive of torch.export.save" run "$zip" --input "$golden/netG.in0.npy" --output z.npy

# Several inputs and outputs, in the order of forward() or by name.
pair=(run pair.pt2 --output picture.npy --output mean.npy)
files=("$golden/pair.in0.npy" "$golden/pair.in1.npy" "$golden/pair.in2.npy")
expect 0 "mean.npy: float32 (3,)" "${pair[@]}" --input "${files[0]}" --input "${files[1]}" --input "${files[2]}"
check near picture.npy "$golden/pair.out0.npy" 315
check near mean.npy "$golden/pair.out1.npy" 3
mv picture.npy ordered.npy
expect 0 "picture.npy: float32 (3, 3, 7, 5)" "${pair[@]}" --input wanted="${files[2]}" --input labels="${files[1]}" \
  --input x="${files[0]}"
check cmp picture.npy ordered.npy
expect 2 "expected NAME=FILE of every input, or of none" "${pair[@]}" --input x="${files[0]}" --input "${files[1]}"
expect 2 "wanted is not given" "${pair[@]}" --input x="${files[0]}" --input labels="${files[1]}"
expect 2 "x is given twice" "${pair[@]}" --input x="${files[0]}" --input x="${files[0]}"
expect 2 "expected 3 of them, got 1" "${pair[@]}" --input "${files[0]}"
expect 2 "expected 2 of them, got 1" run pair.pt2 --output one.npy --input "${files[0]}" --input "${files[1]}" \
  --input "${files[2]}"
expect 2 "picture.npy is given twice" run pair.pt2 --output picture.npy --output picture.npy --input "${files[0]}" \
  --input "${files[1]}" --input "${files[2]}"
expect 1 "input x: expected float32, got int64" "${pair[@]}" --input "${files[1]}" --input "${files[1]}" --input "${files[2]}"
expect 2 "only a ConvTranspose2d alone takes it" "${pair[@]}" --output-size 3,3 --input "${files[0]}" \
  --input "${files[1]}" --input "${files[2]}"
check no_leftovers

# Sizes outside of what was exported: 7 of a batch of at most 6.
npy seven.npy '<f4' '(7, 8, 1, 1)' "$(printf '\\0%.0s' $(seq 224))"
expect 1 "is 7, and the program was exported for 1 to 6" run netG.pt2 --input seven.npy --output z.npy
expect 0 "z.npy: float32 (7, 3, 32, 32)" run netG.pt2 --input seven.npy --output z.npy --ignore-guards
expect 2 "only a network that is a .pt2 has guards" run dcgan --ignore-guards --input seven.npy --output z.npy
expect 2 "only a network that is a .pt2 has programs" bench "Tanh()" --program model --input 1,1,1,1

# Several programs.
npy two.npy '<f4' '(1, 2)' '\0\0\0\0\0\0\0\0'
expect 1 "holds 2 programs: narrow, wide; say which one" run two.pt2 --input two.npy --output z.npy
expect 1 'holds no program "tall", but narrow, wide' run two.pt2 --program tall --input two.npy --output z.npy
expect 0 "z.npy: float32 (1, 3)" run two.pt2 --program narrow --input two.npy --output z.npy
expect 0 "z.npy: float32 (1, 9)" run two.pt2 --program wide --input two.npy --output z.npy

# bench makes its inputs; free sizes are asked for.
expect 0 "(1, 2) to (1, 9)" bench two.pt2 --program wide --seconds 0
expect 0 "(2, 3, 4, 5) to (2, 3, 4, 5)" bench pair.pt2 --input 2,3,4,5 --input 2 --input 2 --seconds 0
expect 2 "expected 1 of them, got 0: it takes z (" bench netG.pt2
expect 2 "is 1 to 6" bench netG.pt2
expect 1 "expected 8, got 9" bench netG.pt2 --input 1,9,1,1

# pack, beside the archive or the other weights.
expect 0 "netG.pt2.packed-" pack netG.pt2 --input 1,8,1,1
expect 0 "z.npy: float32" run netG.pt2 --input "$golden/netG.in0.npy" --output z.npy
check cmp z.npy own.npy
expect 0 "netG.safetensors.packed-" pack netG.pt2 --weights netG.safetensors --input 1,8,1,1

# Pictures.
expect 0 "fake.png: 16 pictures" generate netG.pt2 --count 16 --nrow 4
check is_png fake.png
expect 0 "cut.png: 16 pictures" generate netG.pt2 --count 16 --nrow 4 --batch 5 --threads 1 --out cut.png
check cmp fake.png cut.png
expect 1 "generate paints networks from one latent" generate pair.pt2
expect 1 "generate paints networks from one latent" generate "$golden/../written/tokens.pt2"
expect 1 "gives a tensor of 2 dimensions" generate two.pt2 --program wide

# inspect: a tree as PyTorch prints it, with shapes; inputs, operations, guards, weights.
expect 0 "(0): ConvTranspose2d(8, 16, kernel_size=(4, 4), stride=(1, 1), bias=False)  # (" inspect netG.pt2
check grep -qF "(2): ReLU(inplace=True)  # (" out.txt
check grep -qF "(main): Sequential(" out.txt
check grep -qE "^z +float32 +\(s[0-9]+, 8, 1, 1\)$" out.txt
check grep -qE "^s[0-9]+ from 1 to 6$" out.txt
check grep -qE "^aten.relu_ +3  yes$" out.txt
check grep -qE "^main.0.weight +float32 +\(8, 16, 4, 4\) +8192$" out.txt
expect 0 "(blocks): ModuleList(" inspect pair.pt2
check grep -qF "(0): Conv2d(3, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))  # (" out.txt
check grep -qF "(1): Conv2d()  # (" out.txt # its pad is a node of its own
check grep -qF "guards" out.txt
expect 0 "aten.fft_rfft  " inspect spectrum.pt2
check grep -qE "^aten.fft_rfft +1  no: .*\(__main__.Spectrum\)$" out.txt
check grep -qE "^aten.relu +1  yes$" out.txt
expect 1 "aten.fft_rfft" run spectrum.pt2 --input two.npy --output z.npy
expect 0 "" inspect netG.pt2 --json
check json "[m['class'] for m in r['programs'][0]['modules'][:3]] == ['Generator', 'Sequential', 'ConvTranspose2d']"
check json "r['programs'][0]['modules'][2]['arguments'] == '8, 16, kernel_size=(4, 4), stride=(1, 1), bias=False'"
check json "r['programs'][0]['modules'][2]['outputs'] == [[r['programs'][0]['ranges'][0]['size'], 16, 4, 4]]"
check json "r['totals']['tensors'] == 19 and all(o['supported'] for o in r['programs'][0]['operations'])"
expect 0 "" inspect two.pt2 --json
check json "[p['program'] for p in r['programs']] == ['narrow', 'wide']"
expect 0 "program wide, written by PyTorch" inspect two.pt2 --program wide
check sh -c '! grep -q "program narrow" out.txt'
expect 1 'holds no program "tall"' inspect two.pt2 --program tall
expect 2 "only an archive of torch.export.save" inspect netG.safetensors --program tall

# What is damaged in the program alone leaves the weights to be seen.
LC_ALL=C sed 's/"major":8/"major":9/' netG.pt2 >newer.pt2
expect 0 "a program that cannot be read: " inspect newer.pt2
check grep -qF "19 tensors, " out.txt
expect 1 "" run newer.pt2 --input "$golden/netG.in0.npy" --output z.npy
check no_leftovers
exit $failed
