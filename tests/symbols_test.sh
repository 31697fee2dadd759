#!/usr/bin/env bash
# The object of an instruction set shows the linker its one table and nothing else. A weak symbol beside it could be the
# copy that the linker keeps for everybody, and machines without that instruction set would crash in it.
set -euo pipefail
nm=$1
shift
failed=0
for object in "$@"; do
  isa=$(basename "$object" | cut -d. -f1)
  # What AddressSanitizer adds to a global of that name is no code.
  shown=$("$nm" --demangle --defined-only --extern-only "$object" | cut -d' ' -f2- | grep -v ' __odr_asan\.' || true)
  if ! [[ $shown =~ ^[DR]\ upconv::kernels::${isa}_table$ ]]; then
    echo "$object: expected upconv::kernels::${isa}_table alone, got:" >&2
    echo "$shown" >&2
    failed=1
  fi
done
exit $failed
