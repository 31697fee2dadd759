#!/usr/bin/env bash
# The object of an instruction set shows the linker its tables and nothing else. A weak symbol beside it could be the
# copy that the linker keeps for everybody, and machines without that instruction set would crash in it.
set -euo pipefail
nm=$1
shift
failed=0
for object in "$@"; do
  isa=$(basename "$object" | cut -d. -f1)
  # What AddressSanitizer adds to a global of that name is no code.
  shown=$("$nm" --demangle --defined-only --extern-only "$object" | cut -d' ' -f2- | grep -v ' __odr_asan\.' || true)
  others=$(grep -vE "^[DR] upconv::kernels::${isa}_([a-z_]+_)?table$" <<<"$shown" || true)
  if ! grep -q "upconv::kernels::${isa}_table$" <<<"$shown" || [ -n "$others" ]; then
    echo "$object: expected upconv::kernels::${isa}_table and others of its kind alone, got:" >&2
    echo "$shown" >&2
    failed=1
  fi
done
exit $failed
