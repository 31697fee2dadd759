#!/usr/bin/env bash
# The README's program, run beside the shipped weights under the name that it loads, leaves a PNG; and so does its command
# beside an exported network of the name that its Python saves. `upconv` may be "", where it is not built.
set -euo pipefail
program=$1 weights=$2 upconv=$3 readme=$4 exported=$5
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

[ -n "$upconv" ] || exit 0
saved=$(sed -n 's/^torch\.export\.save(program, "\(.*\)")$/\1/p' "$readme")
command=$(sed -n 's|^build/release/upconv \(generate .*\.pt2 .*\)$|\1|p' "$readme")
cp "$exported" "$saved"
read -ra arguments <<<"$command"
"$upconv" "${arguments[@]}"
[ "$(head -c 4 seven.png | tail -c 3)" = PNG ]
