#!/usr/bin/env bash
# An algorithm that was added by one folder and one row is a candidate of every convolution, by itself: in what
# `upconv bench --algorithm all` measures, which is what ./dev choice sweeps over, by its name, and in the table of errors.
# It computes the same pictures, within rounding.
set -euo pipefail
plain=$1 program=$2 errors=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

for layer in "ConvTranspose2d(20, 7, 4, 2, 1)" "Conv2d(20, 7, 3, padding=1, padding_mode='reflect')"; do
  bench=(bench "$layer" --input "1,20,9,11" --seconds 0.01 --json --algorithm)
  "$program" "${bench[@]}" all >"$folder/all.json"
  grep -q '"algorithm": *"toy"' "$folder/all.json" || fail "$layer: toy is not among all algorithms"
  "$program" "${bench[@]}" toy >"$folder/toy.json"
  grep -q '"algorithm": *"toy"' "$folder/toy.json" || fail "$layer: toy is not taken by its name"
  "$program" "${bench[@]}" auto >"$folder/auto.json"
  grep -q '"algorithm": *"toy"' "$folder/auto.json" && fail "$layer: toy is taken unasked"
  ! "$plain" "${bench[@]}" toy >/dev/null 2>&1 || fail "the program that ships knows toy"
done

"$errors" 32 >"$folder/errors.md"
for kind in k4s2 k3s2 k5s2 k3s1; do
  grep -qE "^\\| $kind toy \\| .exact. \\|( [0-9.]+ \\([01]\\.[0-9]+x\\), [0-9]+ \\|){2}" "$folder/errors.md" ||
    fail "the table of errors has no toy for $kind, or not one as exact as the direct kernel"
done
