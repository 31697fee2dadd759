#!/usr/bin/env bash
# In a control group that gives one processor, a program takes one thread unless it is told otherwise. Exits with 77 where
# no group can be made.
set -euo pipefail
program=$1
name=upconv-test-$$
for mount in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/cpu; do
  group=$mount/$name
  mkdir "$group" 2>/dev/null || continue
  trap 'rmdir "$group" 2>/dev/null || true' EXIT
  if [ -e "$group/cpu.max" ]; then
    echo "100000 100000" 2>/dev/null >"$group/cpu.max" || { rmdir "$group" || true; continue; }
  elif [ -e "$group/cpu.cfs_quota_us" ]; then
    { echo 100000 >"$group/cpu.cfs_period_us" && echo 100000 >"$group/cpu.cfs_quota_us"; } 2>/dev/null ||
      { rmdir "$group" || true; continue; }
  else
    rmdir "$group" || true
    continue
  fi
  # Some groups may be made and limited, but not entered.
  (echo "$BASHPID" >"$group/cgroup.procs") 2>/dev/null || { rmdir "$group" || true; continue; }
  threads() {
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" "$program" bench \
      "ConvTranspose2d(64, 64, 4, 2, 1)" --input 1,64,64,64 --seconds 0 --json "$@" | grep -o '"threads":[0-9]*'
  }
  default=$(threads)
  asked=$(threads --threads 2)
  echo "$group: $default, asked for 2: $asked"
  [ "$default" = '"threads":1' ] || { echo "expected 1 thread in a group of one processor" >&2; exit 1; }
  [ "$(nproc)" -lt 2 ] || [ "$asked" = '"threads":2' ] || { echo "expected 2 threads where they are asked for" >&2; exit 1; }
  exit 0
done
echo "no control group with a quota can be made here" >&2
exit 77
