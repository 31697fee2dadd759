#!/usr/bin/env bash
# The README's program, run beside the shipped weights under the name that it loads, leaves a PNG.
set -euo pipefail
program=$1 weights=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cp "$weights" netG.safetensors
"$program"
[ "$(head -c 4 fake.png | tail -c 3)" = PNG ]
rm netG.safetensors fake.png
if "$program" 2>error.txt; then
  echo "without weights it must fail" >&2
  exit 1
fi
grep -q netG.safetensors error.txt
