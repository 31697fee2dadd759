#!/usr/bin/env bash
# What the program writes: through links, never onto devices, whole or not at all, and nothing of it stays behind when it
# is ended.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

npy x.npy '<f4' '(1, 2)' '\0\0\x80\x3f\0\0\0\xc0'
relu=(run "ReLU()" --input x.npy --output)
one=(generate --count 1 --out)
layer=$golden/layer.safetensors

# Links, to files that are there and to some that are not, over folders and over other links.
mkdir real
echo old >real/a.png
ln -s real/a.png a.png
ln -s a.png b.png
ln -s real/new.npy new.npy
ln -s real folder
expect 0 "b.png: 1 picture" "${one[@]}" b.png
check test -L b.png -a -L a.png
check is_png real/a.png
expect 0 "new.npy: float32 (1, 2)" "${relu[@]}" new.npy
check test -L new.npy -a -f real/new.npy
expect 0 "folder/c.safetensors: 2 tensors" convert "$layer" folder/c.safetensors
check test -s real/c.safetensors
ln -s loop.npy loop.npy
expect 1 "loop.npy: cannot be written: " "${relu[@]}" loop.npy
ln -s no/such/y.npy nowhere.npy
expect 1 "nowhere.npy: cannot be created: No such file or directory" "${relu[@]}" nowhere.npy

# The mode of what was there; the umask where nothing was.
echo old >mode.npy
for mode in 600 640 664; do
  chmod $mode mode.npy
  expect 0 "mode.npy" "${relu[@]}" mode.npy
  check test "$(stat -c %a mode.npy)" = $mode
done
(umask 077 && "$program" "${relu[@]}" private.npy >/dev/null)
check test "$(stat -c %a private.npy)" = 600

# Standard output, and nothing but the file on it.
"$program" "${relu[@]}" y.npy >/dev/null
for name in - /dev/stdout; do
  "$program" "${relu[@]}" "$name" 2>err.txt | cat >piped.npy
  check cmp y.npy piped.npy
  check grep -qx "standard output: float32 (1, 2)" err.txt
  "$program" "${one[@]}" "$name" 2>/dev/null | cat >piped.png
  check is_png piped.png
  "$program" convert "$layer" "$name" 2>/dev/null | cat >piped.safetensors
  check cmp piped.safetensors real/c.safetensors
done
check test -L /dev/stdout
expect 0 "./-: float32" "${relu[@]}" ./-
check cmp y.npy ./-

# Devices, pipes, folders and names that are none are refused before the work: before weights that are not there.
mkfifo pipe
ln -s /dev/null null.png
many=(generate --weights nowhere --out)
for name in /dev/null null.png pipe; do
  expect 1 "$name: expected a regular file to write, got a pipe, socket or device" "${many[@]}" "$name"
done
check test -c /dev/null -a -L null.png -a -p pipe
expect 1 "real: expected a file to write, got the name of a folder" "${many[@]}" real
expect 1 "real/: expected a file to write, got the name of a folder" "${many[@]}" real/
expect 1 "no/such/x.png: cannot be created: No such file or directory" "${many[@]}" no/such/x.png
expect 1 "x.npy/y.png: cannot be written: Not a directory" "${many[@]}" x.npy/y.png
expect 1 "many.png: a PNG has at most 1000000 x 1000000 pixels, got 2112000002 x 68" \
  generate --count 32000000 --nrow 32000000 --out many.png
expect 1 "no/such/t.json: cannot be created" \
  bench "Nothing()" --input 1,2 --profile --trace no/such/t.json
expect 2 "--trace: expected the name of a file" bench "ReLU()" --input 1,2 --seconds 0 --profile --trace -
if [ "$(id -u)" -ne 0 ]; then
  echo mine >locked.npy
  chmod 444 locked.npy
  expect 1 "locked.npy: cannot be written: Permission denied" "${relu[@]}" locked.npy
fi
for option in --out --weights --key; do
  expect 2 "$option: expected a name, got an empty one" generate --weights x "$option" ""
done
expect 2 "--output: expected a name, got an empty one" "${relu[@]}" ""
expect 2 "OUT: expected a name, got an empty one" convert "$layer" ""
check no_leftovers

# Names as long as a name may be.
name=$(printf 'n%.0s' $(seq 251)).npy
expect 0 "float32 (1, 2)" "${relu[@]}" "$name"
check cmp y.npy "$name"
umlauts=$(printf 'ü%.0s' $(seq 125)).npy
expect 0 "float32 (1, 2)" "${relu[@]}" "$umlauts"
expect 1 "cannot be written: File name too long" "${many[@]}" "x$name"

# A full disk and a limit say why, and leave what was there.
echo old >old.npy
limited=$(ulimit -f 0 && "$program" "${relu[@]}" old.npy 2>&1)
check test $? -eq 1 -a "$limited" = "upconv: old.npy: cannot be written: File too large"
(ulimit -f 0 && "$program" "${relu[@]}" old.npy >out.txt 2>err.txt)  # which cannot be written either
check test $? -eq 1
check test "$(cat old.npy)" = old
if [ -c /dev/full ]; then
  "$program" "${relu[@]}" - >/dev/full 2>err.txt
  check grep -qx "upconv: standard output: cannot be written: No space left on device" err.txt
fi
# Closed streams: nothing that is said goes into what is written.
"$program" "${relu[@]}" closed.npy >&- 2>err.txt
check test $? -eq 1
check grep -qx "upconv: the results cannot be written: Bad file descriptor" err.txt
check cmp y.npy closed.npy
rm closed.npy
check "$program" "${relu[@]}" closed.npy <&- 2>&- >out.txt
check cmp y.npy closed.npy
mkdir disk
if mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null; then
  expect 1 "disk/x.png: cannot be written: No space left on device" generate --out disk/x.png
  check test -z "$(ls disk)"
  umount disk
fi
check no_leftovers

# Ended by a signal it leaves nothing, and its parent sees by which; killed outright it leaves one file, which the next
# run for the same output removes, and no other run.
start() {
  "$program" generate --count 6000 --batch 1 --threads 1 --out "$1" >/dev/null 2>&1 &
  pid=$!
  for _ in $(seq 200); do
    [ -n "$(find . -name "$1.*.part")" ] && return
    sleep 0.05
  done
  echo "no temporary file of $1" >&2
  failed=1
}
for signal in INT TERM HUP; do
  # A shell without job control starts its background with SIGINT ignored; this one is for the program to handle.
  start_signal=$signal
  set -m
  start ended.png
  set +m
  kill "-$start_signal" $pid
  wait $pid 2>/dev/null
  check test $? -eq $((128 + $(kill -l "$signal")))
  check no_leftovers
  check test ! -e ended.png
done
start killed.png
kill -KILL $pid
wait $pid 2>/dev/null
check test -e killed.png.upconv-0.part
start running.png
expect 0 "other.png" "${one[@]}" other.png
check test -e killed.png.upconv-0.part
expect 0 "killed.png" "${one[@]}" killed.png
check test ! -e killed.png.upconv-0.part
# What is written at the moment is nobody else's to remove.
expect 0 "running.png" "${one[@]}" running.png
check test -e running.png.upconv-0.part
kill -TERM $pid
wait $pid 2>/dev/null
check no_leftovers
# What nohup ignores stays ignored.
(trap '' HUP && exec "$program" generate --count 500 --batch 1 --out ignoring.png >/dev/null 2>&1) &
pid=$!
sleep 0.3
kill -HUP $pid
wait $pid
check is_png ignoring.png
exit $failed
