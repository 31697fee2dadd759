#!/usr/bin/env bash
# A packed file is refused by every other state of the sources: one more line in any header or source of framework/ and
# layers/, whatever its folder, gives another fingerprint, and so does a file more or less and another version; a touched
# file does not. What was built has the fingerprint of the sources as they are.
set -euo pipefail
cmake=$1 source=$2 version=$3 built=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$source/framework" "$source/layers" "$folder"
failed=0

fingerprint() {
  "$cmake" -D root="$folder" -D version="$1" -D header="$folder/header.h" -P "$source/cmake/fingerprint.cmake"
  sed -n 's/.*packing_fingerprint.* = "\(.*\)";/\1/p' "$folder/header.h"
}

first=$(fingerprint "$version")
[ ${#first} -eq 64 ] || { echo "no fingerprint: \"$first\"" >&2; exit 1; }

# expect same|other WHAT [VERSION]
expect() {
  local now
  now=$(fingerprint "${3:-$version}")
  if { [ "$1" = same ] && [ "$now" != "$first" ]; } || { [ "$1" = other ] && [ "$now" = "$first" ]; }; then
    echo "$2: expected $([ "$1" = same ] && echo the same || echo another) fingerprint" >&2
    failed=1
  fi
}

expect same "nothing changed"
expect other "another version" "$version.1"
cmp "$folder/header.h" "$built" >/dev/null && { echo "the versions cannot be told apart" >&2; failed=1; }

# One header and one source of every folder, and whatever is known to have the order of packed floats in it.
changed=0
while read -r file; do
  cp "$file" "$folder/kept"
  echo "// one line more" >>"$file"
  expect other "${file#"$folder/"}"
  cp "$folder/kept" "$file"
  changed=$((changed + 1))
done < <(
  find "$folder/framework" "$folder/layers" -type d | while read -r each; do
    find "$each" -maxdepth 1 -name '*.h' | sort | head -n 1
    find "$each" -maxdepth 1 -name '*.cpp' | sort | tail -n 1
  done
  grep -rlE 'Packing|PackedFloats|winograd_schemes|struct Block|PanelShape' "$folder/framework" "$folder/layers" --include='*.h'
)
[ "$changed" -ge 20 ] || { echo "only $changed files were changed" >&2; failed=1; }

find "$folder/layers" -type f -exec touch {} +
expect same "files touched, and changed back"
echo "// a new file" >"$folder/layers/kernels/new-inl.h"
expect other "a file more"
mv "$folder/layers/kernels/new-inl.h" "$folder/layers/convolution/new-inl.h"
expect other "a file more, elsewhere"
rm "$folder/layers/convolution/new-inl.h"
fingerprint "$version" >/dev/null
cmp "$folder/header.h" "$built" || { echo "what was built has not the fingerprint of its sources" >&2; failed=1; }
exit $failed
