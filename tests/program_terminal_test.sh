#!/usr/bin/env bash
# What the program shows: names that would move a terminal's cursor, and the bar on the terminals that there are. Exits
# with 77 where nothing can play a terminal.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

# plain FILE: valid UTF-8, and nothing in it that a terminal would obey.
# shellcheck disable=SC2317  # called by check
plain() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 &&
    ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]' "$1"
}

# Names of files, in errors and in results.
escape=$'\033[31mred\a'
broken=$'b\xff\xc3roken'
turned=$'a\u202egnp.exe'
clear=$'a\u009b2Jb'
lines=$'a\nupconv: all is well'
for name in "$escape" "$broken" "$turned" "$clear" "$lines"; do
  expect 1 "there is no such file" inspect "$name"
  check plain err.txt
  check test "$(wc -l <err.txt)" -eq 1
  expect 0 "1 picture" generate --count 1 --out "$name"
  check plain out.txt
  check test "$(wc -l <out.txt)" -eq 1
  check is_png "$name"
  expect 2 "" generate --count "$name"
  check plain err.txt
  expect 2 "unknown command" "$name"
  check plain err.txt
  expect 1 "" run "$name" --input x.npy --output y.npy
  check plain err.txt
done
expect 1 '\x1b[31mred\x07: not a weights file' inspect "$escape"
expect 1 'b\xff\xc3roken: not a weights file' inspect "$broken"
expect 1 'a\u{202e}gnp.exe: not a weights file' inspect "$turned"

# Names in files: safetensors has them as JSON, in which anything can be escaped.
tensors='{"\u001b[2J\u0007":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a\nb":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"\u202ethgiew":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"__metadata__":{"\u001b]0;title":"\u009b2J"}}'
length=$(printf '%s' "$tensors" | wc -c)
printf "\\x$(printf %02x $((length % 256)))\\x$(printf %02x $((length / 256)))"'\0\0\0\0\0\0%s\0\0\0\0\0\0\0\0\0\0\0\0' "$tensors" \
  >hostile.safetensors
expect 0 "3 tensors, 3 numbers" inspect hostile.safetensors
check plain out.txt
expect 0 "tensors" inspect hostile.safetensors --json
check plain out.txt
check test "$(wc -l <out.txt)" -eq 1
if command -v python3 >/dev/null; then
  check python3 -c "import json; r = json.load(open('out.txt')); assert r['tensors'][0]['name'] == '\x1b[2J\x07', r"
fi
expect 1 "unexpected" run "Conv2d(1, 1, 1)" --weights hostile.safetensors --input x.npy --output y.npy
check plain err.txt
expect 1 "fits no name" inspect hostile.safetensors --key "$escape"
check plain err.txt
expect 1 "no layer" bench "ReLU()" --input 1,2 --algorithm "$broken" --json
check plain err.txt

# on_terminal COLUMNS ENVIRONMENT...: what a terminal of so many columns gets while $pictures pictures are painted.
script -qec true /dev/null >/dev/null 2>&1 || exit $((failed == 0 ? 77 : 1))
on_terminal() {
  local columns=$1
  shift
  env "$@" script -qec "stty cols $columns; '$program' generate --count $pictures --batch 8 --threads 1 --nrow 100 --out t.png" \
    /dev/null </dev/null >terminal.txt 2>&1
}
# Every bar, as it was drawn.
bars() { tr '\r' '\n' <terminal.txt | grep -aoP "^\033\[K\K\[?[= ]*\]? ?[0-9]+ of $pictures" ; }
widest() { bars | awk '{ if (length($0) > w) w = length($0) } END { print w + 0 }'; }
# shellcheck disable=SC2317  # called by check
erased_before_result() { grep -qaP "\r\033\[Kt\.png: $pictures pictures" < <(tr -d '\n' <terminal.txt); }
# A bar comes after a second: as many pictures as this machine takes that long for, and then three times as many.
pictures=16
on_terminal 80 TERM=xterm
while [ "$(widest)" -eq 0 ] && [ "$pictures" -lt 100000 ]; do
  pictures=$((pictures * 4))
  on_terminal 80 TERM=xterm
done
check test "$(widest)" -gt 40
check erased_before_result
pictures=$((pictures * 3))
on_terminal 30 TERM=xterm
check test "$(widest)" -gt 0 -a "$(widest)" -lt 30
check erased_before_result
on_terminal 7 TERM=xterm  # "8 of 48" has seven characters, and the last column stays free
check test "$(widest)" -eq 0
on_terminal 80 TERM=dumb
check test "$(widest)" -eq 0
check sh -c "! grep -qa '$(printf '\033')' terminal.txt"
# Nobody wants a picture's bytes on a terminal.
script -qec "'$program' generate --count 1 --out -" /dev/null </dev/null >terminal.txt 2>&1
check grep -qa "upconv: standard output is a terminal: redirect it, or give the name of a file to write" terminal.txt
exit $failed
