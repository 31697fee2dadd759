#!/usr/bin/env bash
# docs/peers.md: each row names a test case that is there, each case of peers_test.cpp has its row, each finding its script.
set -euo pipefail
cd "$1"
page=docs/peers.md cases=tests/layers/peers_test.cpp
failed=0 rows=0

fail() {
  echo "$page: $1" >&2
  failed=1
}

while read -r row; do
  rows=$((rows + 1))
  test=$(sed 's/ *|$//; s/.*| //' <<<"$row")
  case $test in
    "the same" | "none: "* | "none, as above") continue ;;
  esac
  name=$(grep -oP '^\x60\K[^\x60]+' <<<"$test") || { fail "no test case in: $row"; continue; }
  grep -rqF --include='*.cpp' "\"$name\"" tests || fail "there is no test case \"$name\""
done < <(grep '^| ' "$page" | grep -v '^| what |')

while read -r name; do
  grep -qF "\`$name\`" "$page" || fail "nothing names the test case \"$name\" of $cases"
done < <(grep -oP '^TEST_CASE\("\K[^"]+' "$cases")

[ "$rows" -ge 25 ] || fail "only $rows rows were found"
exit $failed
