#!/usr/bin/env bash
# Where threads or memory are short the program says so, and never ends by itself but with 0 or 1.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

if is_sanitized; then
  echo "a sanitized program fits no limit of memory or threads"
  exit 77
fi
if is_emulated; then
  echo "an emulator itself ends where threads or memory are short"
  exit 77
fi
layer="ConvTranspose2d(32, 32, 4, 2, 1)"
bench=(bench "$layer" --input "2,32,33,33" --seconds 0)
"$program" "${bench[@]}" --json >all.json
threads=$(grep -o '"threads":[0-9]*' all.json | cut -d: -f2)

# without_threads ARGUMENTS...: as a user who may have no other process or thread. Root has no such limit, so root
# becomes one: uid 65531 of a folder of its own.
# shellcheck disable=SC2317  # called by check
without_threads() {
  local become=()
  [ "$(id -u)" -ne 0 ] || become=(setpriv --reuid=65531 --regid=65531 --clear-groups)
  "${become[@]}" bash -c 'ulimit -u 1 && exec "$@"' bash "$program" "$@" >out.txt 2>err.txt
}
chmod 777 .
if [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null; then
  said="upconv: no thread can be made here (ulimit, or a container's limit): everything runs on one"
  for arguments in "" --profile "--algorithm all"; do
    # shellcheck disable=SC2086  # none, one or two of them
    check without_threads "${bench[@]}" --json $arguments
    check grep -q '"threads":1\b' out.txt
    [ "$threads" -eq 1 ] || check grep -qxF "$said" err.txt
    [ "$threads" -eq 1 ] || check test "$(wc -l <err.txt)" -eq 1
  done
  if [ -r "$golden/layer.safetensors" ] && [ "$threads" -gt 1 ]; then
    check without_threads generate --count 3 --out limited.png
    check grep -qxF "$said" err.txt
    "$program" generate --count 3 --out free.png >/dev/null
    check cmp free.png limited.png
    check without_threads "${bench[@]}" --threads 1
    check test ! -s err.txt
  fi
fi

# From hardly enough for the program to more than enough: 0, or 1 with a reason; 127 where not even its libraries fit.
short=0 enough=0
for kilobytes in $(seq 20000 6000 140000) 300000 600000; do
  (ulimit -v "$kilobytes" && exec "$program" "${bench[@]}" --profile --trace trace.json >out.txt 2>err.txt) 2>/dev/null
  status=$?
  case $status in
    0) enough=$((enough + 1)) ;;
    1)
      short=$((short + 1))
      check grep -qE "^upconv: (the machine has not enough memory for this|no memory for a .* tensor of shape .*|.*: Cannot allocate memory)$" err.txt
      ;;
    127) ;;
    *)
      echo "with $kilobytes kB: exit $status" >&2
      cat err.txt >&2
      failed=1
      ;;
  esac
done
check test $enough -gt 0
echo "$short times too little memory, $enough times enough"
exit $failed
