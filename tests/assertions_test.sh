#!/usr/bin/env bash
# assertions_test.sh on|off COMPILE_COMMANDS NM OBJECTS...: a build with assertions compiles every file of the library and
# every kernel with them, whatever the build type defines; in the objects of one without them nothing can fail by assert.
set -euo pipefail
expected=$1 commands=$2 nm=$3
shift 3
if [ "$expected" = off ]; then
  if "$nm" --undefined-only "$@" | grep __assert; then
    echo "an assertion is in what ships" >&2
    exit 1
  fi
  exit 0
fi
files=0
while read -r command; do
  files=$((files + 1))
  # The last of them counts.
  if [ "$(grep -oE -- '-[DU]NDEBUG' <<<"$command" | tail -n 1)" = -DNDEBUG ]; then
    echo "compiled without assertions: $command" >&2
    exit 1
  fi
done < <(grep -E '"command".*/(framework|layers)/[^ ]*\.cpp' "$commands")
[ "$files" -ge 60 ] || { echo "$commands: expected the library's files, got $files" >&2; exit 1; }
