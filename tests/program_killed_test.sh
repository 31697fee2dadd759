#!/usr/bin/env bash
# `upconv generate` killed at twenty random moments: every byte is that of a run that nobody disturbed, and nothing
# unfinished is left. And an array of Slurm whose script docs/scale.md shows, killed half way and queued again.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

many=(generate --latents philox --count 600 --shards 60 --manifest manifest.json --out 'fake-{shard:02d}.tar')
mkdir calm killed
(cd calm && "$program" "${many[@]}") >calm.txt || exit 1
took=$(sed -n 's/.* in \([0-9]*\)\.\([0-9]\{3\}\) s.*/\1\2/p' calm.txt | sed 's/^0*//')
cd killed || exit
RANDOM=${UPCONV_SEED:-$$}
echo "RANDOM=$RANDOM, $took ms undisturbed"
half_written=0
for ((round = 1; round <= 20; ++round)); do
  "$program" "${many[@]}" >/dev/null &
  process=$!
  # Some die before their first shard; where one has nothing left to do, there is too little to kill.
  milliseconds=$((RANDOM % (took / 4 + 100)))
  sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"
  if ! kill -KILL $process 2>/dev/null; then rm -f fake-[0-3]*.tar; fi
  wait $process 2>/dev/null
  [ -z "$(find . -name '*.part')" ] || half_written=$((half_written + 1))
done
echo "$half_written of 20 left an unfinished file"
expect 0 "there before" "${many[@]}"
check no_leftovers
for shard in ../calm/*.tar; do check cmp "$shard" "${shard##*/}"; done
check test "$(find . -name '*.tar' | wc -l)" = 60
check cmp manifest.json ../calm/manifest.json
cd ..

# The script of the page, with Slurm's variables as Slurm sets them: tasks 4 to 6 of an array, each ended half way, as
# its time limit and a preemption end it, and queued again.
page=$golden/../../../docs/scale.md
awk '/^```/ {on = 0} /^#!\/bin\/bash/ {on = 1} on' "$page" >array.sh
check grep -q '^#SBATCH --array=' array.sh
mkdir bin array
ln -s "$program" bin/upconv
submit() { # TASK RESTARTS
  SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_CPUS_PER_TASK=1 SLURM_RESTART_COUNT=$2 \
    COUNT=600 SHARDS=60 OUT='array/fake-{shard:02d}.tar' PATH=$PWD/bin:$PATH exec bash array.sh
}
for task in 4 5 6; do
  (submit $task 0) >/dev/null 2>&1 &
  process=$!
  sleep 0.3
  signal=TERM
  [ $task != 5 ] || signal=KILL
  kill -$signal $process 2>/dev/null
  wait $process 2>/dev/null
done
for task in 4 5 6; do
  (submit $task 1) >out.txt 2>&1
  check test $? = 0
done
for shard in calm/*.tar; do check cmp "$shard" "array/${shard##*/}"; done
check test -z "$(find array -name '*.part')"
exit $failed
