#!/usr/bin/env bash
# What the tests of the program share: sourced with the program as first argument, it goes to a folder that is removed at
# the end. They end with `exit $failed`.
# shellcheck disable=SC2034  # read by those who source this
program=$1
# shellcheck disable=SC2034
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/golden/run
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
failed=0

# expect STATUS "text" ARGUMENTS...: runs the program and compares its exit status and a part of its output. grep reads
# files: it stops at the first match, and what still wrote to it through a pipe would fail.
expect() {
  local status=$1 text=$2
  shift 2
  "$program" "$@" >out.txt 2>err.txt
  local got=$?
  if [ $got -ne "$status" ] || ! grep -qaF -- "$text" out.txt err.txt; then
    echo "upconv $*: expected exit $status and \"$text\", got exit $got and:" >&2
    cat out.txt err.txt >&2
    failed=1
  fi
}

check() {
  if ! "$@"; then
    echo "failed: $*" >&2
    failed=1
  fi
}

# is_sanitized: the sanitizer of addresses wants terabytes of them, so such a program fits no limit.
is_sanitized() { grep -q __asan_init "$program"; }

# is_emulated: it is run by a script that calls an emulator, which has threads and memory of its own.
is_emulated() { [ "$(head -c 2 "$program")" = '#!' ]; }

# npy FILE TYPE SHAPE DATA: writes an array.
npy() {
  local header="{'descr': '$2', 'fortran_order': False, 'shape': $3}"
  printf '\x93NUMPY\x01\x00'"\\x$(printf %02x ${#header})"'\x00%s'"$4" "$header" >"$1"
}

# is_png FILE
is_png() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ]; }

# no_leftovers: nothing unfinished lies in this folder.
no_leftovers() { [ -z "$(find . -name '*.part')" ]; }
