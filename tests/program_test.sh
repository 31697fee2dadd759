#!/usr/bin/env bash
# The upconv program as one uses it: what it prints, where, and how it exits.
set -uo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failed=0

# expect STATUS "text" ARGUMENTS...: runs the program and compares its exit status and a part of its output.
expect() {
  local status=$1 text=$2
  shift 2
  "$program" "$@" >out.txt 2>err.txt
  local got=$?
  if [ $got -ne "$status" ] || ! cat out.txt err.txt | grep -qF -- "$text"; then
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

expect 0 "upconv " --version
expect 0 "generate" --help
expect 0 "Example: upconv generate" generate --help
expect 2 "subcommand" 
expect 2 "--nonsense" generate --nonsense
expect 2 "--count" generate --count 0
expect 2 "--count" generate --count many
expect 1 'unknown model "dcgam"' generate dcgam
expect 1 "nowhere.safetensors" generate --weights nowhere.safetensors
expect 1 "no/such/folder" generate --count 1 --out no/such/folder/x.png

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
exit $failed
