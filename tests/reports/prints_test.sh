#!/usr/bin/env bash
# What people pasted into the program, in their words: it says what the print left out, or refuses when asked to.
set -uo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
failed=0

# expect "what" COMMAND...: says what was expected where the command fails.
expect() {
  local what=$1
  shift
  if ! "$@"; then
    echo "expected $what; the program said:" >&2
    cat out.txt err.txt >&2
    failed=1
  fi
}

upconv() {
  "$program" "$@" >out.txt 2>err.txt
  status=$?
}

printf '\x93NUMPY\x01\x00\x46\x00%-70s' "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2, 2)}" >x.npy
printf '\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40' >>x.npy
on_x=(--input x.npy --output y.npy)
decoder="Sequential(
  (0): ReLU()
  (1): Upsample(scale_factor=2.0, mode='bilinear')
)"
said="upconv: 1: Upsample(scale_factor=2.0, mode='bilinear') is taken with align_corners=False, which PyTorch's print does \
not show; name it in the spec if it was True"

# I pasted my decoder and got a picture without being told that align_corners was guessed.
upconv run "$decoder" "${on_x[@]}"
expect "a picture" test "$status" = 0
expect "what was assumed, on stderr alone" test "$(cat err.txt)" = "$said"
expect "the result as ever on stdout" test "$(cat out.txt)" = "y.npy: float32 (1, 1, 4, 4)"

# I read bench's JSON in a script, and a warning in it would break the script.
upconv bench "$decoder" --input 1,1,2,2 --seconds 0 --json
expect "JSON alone on stdout" test "$(cut -c1 out.txt)" = "{"
expect "what was assumed" grep -qxF "$said" err.txt

# I say what I mean, so do not warn me.
for meant in True False; do
  upconv run "Sequential(ReLU(), Upsample(scale_factor=2, mode='bilinear', align_corners=$meant))" "${on_x[@]}"
  expect "no word" test "$status" = 0 -a ! -s err.txt
  cp y.npy "$meant.npy"
done
expect "other pictures" sh -c '! cmp -s True.npy False.npy'

# My script must not guess: I would rather have it fail.
for command in "run --input x.npy --output no.npy" "bench --input 1,1,2,2" "pack --input 1,1,2,2 --weights none"; do
  read -ra arguments <<<"$command"
  upconv "${arguments[0]}" "$decoder" "${arguments[@]:1}" --no-assumptions
  expect "${arguments[0]} to refuse" test "$status" = 1
  expect "${arguments[0]} to say why" grep -qF "is taken with align_corners=False, which PyTorch's print does not show; \
name it in the spec, as --no-assumptions asks" err.txt
done
expect "no output" test ! -e no.npy
upconv run "ReLU()" "${on_x[@]}" --no-assumptions
expect "nothing to refuse" test "$status" = 0 -a ! -s err.txt

# My network has a hundred poolings, and I do not want a hundred lines.
many=$(for i in $(seq 50); do
  echo "(p$i): AvgPool2d(kernel_size=1, stride=1, padding=0) (q$i): AvgPool2d(kernel_size=(1, 1), stride=1, padding=0)"
done)
upconv run "Sequential($many (up): Upsample(scale_factor=2.5, mode='bilinear'))" "${on_x[@]}"
expect "two lines" test "$(grep -c "is taken\|are taken" err.txt)" = 2
expect "the poolings in one" grep -qF "p1, q1, p2 and 97 more: AvgPool2d(kernel_size=1, stride=1, padding=0) and others \
are taken with divisor_override=None, which PyTorch's print does not show; name it in the spec if it was a number" err.txt
expect "both arguments in one" grep -qF "up: Upsample(scale_factor=2.5, mode='bilinear') is taken with \
align_corners=False and recompute_scale_factor=False, which PyTorch's print does not show; name them in the spec if they \
were others" err.txt

# I read --help first.
for command in run bench pack; do
  upconv "$command" --help
  expect "$command --help to have it" grep -q -- --no-assumptions out.txt
done

# The networks that come with it are complete.
upconv bench taesd --input 1,4,2,2 --seconds 0 --no-assumptions
expect "no word" test "$status" = 0 -a ! -s err.txt
exit $failed
