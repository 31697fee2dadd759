#!/usr/bin/env bash
# A project that contains upconv configures, gets none of upconv's flags, sees its public headers alone, and builds none of
# its tests and programs.
set -euo pipefail
cmake=$1 build=$2 consumer=$3 upconv=$4
shift 4
rm -rf "$build"
"$cmake" -S "$consumer" -B "$build" -DUPCONV_SOURCE="$upconv" \
  -DWEIGHTS="$upconv/examples/weights/dcgan.safetensors" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >/dev/null
commands=$build/compile_commands.json
if grep '"command".*/paint\.cpp' "$commands" | grep -E -- '-ffp-contract|-fno-math-errno|-mavx|-mfma|-Wall|-Wextra|-UNDEBUG'; then
  echo "a flag of ours reached the project around us" >&2
  exit 1
fi
grep -q '"command".*/paint\.cpp' "$commands"
if grep -E '"file": .*/(tests/main|tools|benchmarks)' "$commands"; then
  echo "these are not for the project around us" >&2
  exit 1
fi
# Its own files compile, without waiting for the library.
cd "$build"
for file in paint seen; do
  command=$(sed -nE 's/^ *"command": "(.*)",?$/\1/p' "$commands" | grep "/$file\.cpp")
  eval "${command//\\\"/\"} -fsyntax-only"
done
