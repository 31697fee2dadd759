#!/usr/bin/env bash
# upconv tune: the file that it writes, and what others make of it.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

net="Sequential(Conv2d(16, 16, 3, padding=1), ReLU(), Conv2d(16, 8, 3, padding=1))"
shape=(--input "1,16,24,24" --threads 1)

expect 0 "upconv tune dcgan" tune --help
expect 0 "choices.txt: 2 choices for 1 thread" tune "$net" "${shape[@]}" --seconds 0.2
check test ! -s err.txt
check grep -q '^# layer | accuracy | threads' choices.txt
check test "$(grep -c '| standard | 1 |' choices.txt)" -eq 2
check no_leftovers

# What others have in the file stays there.
expect 0 "mine.txt: 1 choice for 1 thread" tune "Conv2d(8, 8, 5)" --input 1,8,20,20 --threads 1 --seconds 0.1 --choices mine.txt
expect 0 "2 choices for 1 thread and" tune "$net" "${shape[@]}" --seconds 0.2 --choices mine.txt
check test "$(grep -c '| standard | 1 |' mine.txt)" -eq 3

# Every layer takes what the file says.
sed 's/| [^|]* | \([^|]*\)$/| direct | \1/' choices.txt >direct.txt
expect 0 "direct" bench "$net" "${shape[@]}" --seconds 0.01 --choices direct.txt --json
check test "$(grep -o '"algorithm": *"direct"' out.txt | wc -l)" -eq 2
expect 0 "direct" bench "$net" "${shape[@]}" --seconds 0.01 --choices direct.txt --tune measured
sed 's/| [^|]* | \([^|]*\)$/| magic | \1/' choices.txt >magic.txt
expect 1 "magic.txt:2: Conv2d 16-16 k3x3" bench "$net" "${shape[@]}" --seconds 0.01 --choices magic.txt
check grep -q 'cannot take the algorithm "magic": there are ' err.txt
expect 0 "GFLOP/s" bench "$net" --input 1,16,24,24 --threads 1 --accuracy exact --seconds 0.01 --choices magic.txt

echo "one | two" >broken.txt
expect 1 "broken.txt:1: expected layer | accuracy" bench "$net" "${shape[@]}" --choices broken.txt
expect 1 "broken.txt:1: expected layer | accuracy" tune "$net" "${shape[@]}" --seconds 0 --choices broken.txt
check test "$(cat broken.txt)" = "one | two"
expect 2 "--choices" bench "$net" "${shape[@]}" --choices nothing.txt
expect 2 "--seconds" tune "$net" "${shape[@]}" --seconds -1
expect 1 "no/such/folder" tune "$net" "${shape[@]}" --seconds 0 --choices no/such/folder/c.txt
exit $failed
