#!/usr/bin/env bash
# Numbers, names and commands as they are typed, and as scripts pass them.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

one=(generate --count 1)
picture() {
  "$program" "${one[@]}" --out "$1.png" --seed "$2" >/dev/null || failed=1
}

# As Python's int() reads them: in decimal, with a sign or zeros before them.
picture eight 8
picture ten 10
picture octal 010
picture plus +10
check cmp ten.png octal.png
check cmp ten.png plus.png
check sh -c '! cmp -s eight.png octal.png'
# torch.manual_seed(-1) is torch.manual_seed(2**64 - 1).
picture minus -1
picture largest 18446744073709551615
check cmp minus.png largest.png
seeds="a whole number from -9223372036854775808 to 18446744073709551615"
for seed in "" " " 0x10 1e3 1.0 1_000 ten 18446744073709551616 -9223372036854775809 ++1 +-1 "1 " nan; do
  expect 2 "--seed: expected $seeds, got \"$seed\"" "${one[@]}" --seed "$seed"
done

counts="a whole number from 1 to 1073741824"
for option in --count --batch --nrow; do
  for number in "" 0 -1 1073741825 9223372036854775807 9223372036854775808 0x1 1.5 many; do
    expect 2 "$option: expected $counts, got \"$number\"" generate "$option" "$number"
  done
done
expect 0 "1 picture in" generate --count 0001
for number in "" -1 2147483648 1.0 0x2; do
  expect 2 "--threads: expected a whole number from 0 to 2147483647, got \"$number\"" "${one[@]}" --threads "$number"
done
relu=(bench "ReLU()" --input)
for number in "" nan NaN inf -inf -1 1e400 1000001 0x1p3 "1 s" 1,5; do
  expect 2 "--seconds: expected a number from 0 to 1000000, got \"$number\"" "${relu[@]}" 1,2 --seconds "$number"
done
expect 0 "median" "${relu[@]}" 1,2 --seconds 1e-3
for sizes in "" 0 -1 1,,2 "1,2," ,1 1,x 0x2,3 9223372036854775808,1 "1, 2"; do
  expect 2 "--input: expected positive numbers with commas between, such as 1,100,1,1, got \"$sizes\"" \
    "${relu[@]}" "$sizes" --seconds 0
done
expect 0 "(10, 8)" "${relu[@]}" 010,8 --seconds 0
expect 1 "upconv: " "${relu[@]}" 9223372036854775807,9223372036854775807 --seconds 0
layer="ConvTranspose2d(4, 6, (3, 2), (2, 3), 1, (1, 0), 2, dilation=(2, 1))"
expect 2 "--output-size: expected positive numbers" run "$layer" --weights x --input x --output y --output-size "0x7,13"

# A variable that was never set.
for command in run bench pack; do
  expect 2 "--weights: expected a name, got an empty one: is a variable unset?" $command dcgan --weights ""
done
expect 2 "FILE: expected a name, got an empty one" inspect ""
expect 2 "IN: expected a name, got an empty one" convert "" x
for option in --key --strip-prefix --ignore; do
  expect 2 "$option: expected a name, got an empty one" inspect x "$option" ""
done
expect 2 "--out= nothing follows: is a variable unset?" generate --out= dcgan
check test ! -e dcgan

# Commands.
expect 2 'unknown command "genrate"; did you mean generate?' genrate --count 1
expect 2 'unknown command "Bench"; did you mean bench?' Bench dcgan
expect 2 'unknown command "paint": there is generate, run, bench, inspect, convert, pack' paint
expect 2 'unknown command ""' ""
expect 2 "--nonsense" generate --nonsense
exit $failed
