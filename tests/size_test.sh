#!/usr/bin/env bash
# The stripped program is at most 6.15 MB.
set -euo pipefail
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
"$1" -o "$stripped" "$2"
size=$(stat -c %s "$stripped")
echo "$size bytes"
[ "$size" -le 6150000 ] || { echo "expected at most 6150000 bytes" >&2; exit 1; }
