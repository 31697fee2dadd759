#!/usr/bin/env bash
# What people wrote who met the program where things went wrong, each in their own words, and what they see now.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/../program.sh" "$1"
shipped=$2
layer=$golden/layer.safetensors
one=(generate --count 1 --out)
npy x.npy '<f4' '(1, 2)' '\0\0\x80\x3f\0\0\0\xc0'

report() { echo "$*"; }

report "My latest.png is a link into the run's folder, and upconv put a file in its place."
mkdir run
ln -s run/7.png latest.png
check "$program" "${one[@]}" latest.png >/dev/null
check test -L latest.png
check is_png run/7.png

report "In our container I wrote --out /dev/stdout as root, and afterwards /dev/stdout was a PNG for everybody."
"$program" "${one[@]}" /dev/stdout 2>/dev/null | cat >piped.png
check is_png piped.png
check test -L /dev/stdout
"$program" "${one[@]}" - 2>/dev/null | cmp - piped.png || failed=1

report "I threw the picture away with --out /dev/null, and /dev/null was gone."
expect 1 "/dev/null: expected a regular file to write, got a pipe, socket or device" "${one[@]}" /dev/null
check test -c /dev/null

report "The results were chmod 600, and after a second run everybody could read them."
echo old >private.npy
chmod 600 private.npy
check "$program" run "ReLU()" --input x.npy --output private.npy >/dev/null
check test "$(stat -c %a private.npy)" = 600

report "bench --profile on the cluster's login node says terminate called after throwing std::system_error."
for kilobytes in 26000 32000 38000 44000 60000; do
  ! is_sanitized || break
  (ulimit -v $kilobytes && exec "$program" bench "ConvTranspose2d(32, 32, 4, 2, 1)" --input "2,32,33,33" \
    --seconds 0 --profile >out.txt 2>err.txt) 2>/dev/null
  status=$?
  check test $status -le 1 -o $status -eq 127
done

report "I stopped a long run by Ctrl-C, and a .part lay beside my picture. There are hundreds now."
set -m
"$program" generate --count 6000 --batch 1 --threads 1 --out stopped.png >/dev/null 2>&1 &
set +m
for _ in $(seq 100); do [ -e stopped.png.upconv-0.part ] || sleep 0.05; done
check test -e stopped.png.upconv-0.part
kill -INT $!
wait $! 2>/dev/null
check test $? -eq 130
check no_leftovers

report "The machine ran out of memory, the process was killed, and what it had begun stayed for ever."
"$program" generate --count 6000 --batch 1 --threads 1 --out killed.png >/dev/null 2>&1 &
for _ in $(seq 100); do [ -e killed.png.upconv-0.part ] || sleep 0.05; done
kill -KILL $!
wait $! 2>/dev/null
check test -e killed.png.upconv-0.part
check "$program" "${one[@]}" killed.png >/dev/null
check no_leftovers

report "My job's seeds are 008, 009, 010, ...; 008 was refused, and 010 painted what 8 does in Python."
check "$program" "${one[@]}" a.png --seed 008 >/dev/null
check "$program" "${one[@]}" b.png --seed 8 >/dev/null
check cmp a.png b.png
check "$program" "${one[@]}" a.png --seed 010 >/dev/null
check sh -c '! cmp -s a.png b.png'

report "\$SEED was empty in my script, and all pictures were those of seed 0."
expect 2 "--seed: expected a whole number from" "${one[@]}" a.png --seed ""

report "\$WEIGHTS was empty in my script, and I published pictures of somebody else's network."
expect 2 "--weights: expected a name, got an empty one: is a variable unset?" "${one[@]}" a.png --weights ""

report "--seconds nan measured five runs without a word, --count 9223372036854775807 overflowed."
expect 2 "--seconds: expected a number from 0 to 1000000, got \"nan\"" bench "ReLU()" --input 1,2 --seconds nan
expect 2 "--count: expected a whole number from 1 to 1073741824" generate --count 9223372036854775807

report "I unpacked upconv into my home, and it did not find its weights; then it took those of the folder I was in."
mkdir -p home/bin home/share/upconv
cp "$program" home/bin/
cp "$shipped" home/share/upconv/dcgan.safetensors
check home/bin/upconv "${one[@]}" c.png >/dev/null
check cmp piped.png c.png

report "I asked for a million pictures in one row. After an hour it said that libpng would not have it."
expect 1 "wide.png: a PNG has at most 1000000 x 1000000 pixels" \
  generate --count 1000000 --nrow 1000000 --out wide.png

report "My file names are hashes of 250 characters. cat could write them, upconv could not."
name=$(printf 'a%.0s' $(seq 251)).png
check "$program" "${one[@]}" "$name" >/dev/null
check is_png "$name"

report "I inspected a file from a forum, and my terminal's title was changed."
json=$'{"\\u001b]0;owned\\u0007":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
printf "\\x$(printf %02x ${#json})"'\0\0\0\0\0\0\0%s' "$json" >forum.safetensors
for arguments in "" --json; do
  check "$program" inspect forum.safetensors $arguments >out.txt
  check sh -c "! LC_ALL=C grep -qP '[\\x00-\\x08\\x0e-\\x1f\\x7f]' out.txt"
done

report "I wrote upconv genrate, and it said that a subcommand is required."
expect 2 'unknown command "genrate"; did you mean generate?' genrate

report "The disk was full. It said: the results cannot be written."
if [ -c /dev/full ]; then
  "$program" inspect "$layer" >/dev/full 2>err.txt
  check grep -qx "upconv: the results cannot be written: No space left on device" err.txt
  "$program" convert "$layer" - >/dev/full 2>err.txt
  check grep -qx "upconv: standard output: cannot be written: No space left on device" err.txt
fi

report "I tried a stride of 20000 for fun, and upconv took all memory of the machine for one pixel."
extreme="ConvTranspose2d(1, 1, 1, stride=20000, output_padding=19999)"
expect 1 "expected strides of at most 1048576 phases (height times width), got (20000, 20000)" \
  bench "$extreme" --input 1,1,1,1
exit $failed
