#!/usr/bin/env bash
# Which weights are taken: the shipped ones wherever the program was built, installed or moved, and never those of the
# folder that one is in; packed ones of those whom one trusts with the weights themselves.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"
shipped=$2

one=(generate --count 1 --out)
"$program" "${one[@]}" expected.png >/dev/null || failed=1
check "$program" "${one[@]}" given.png --weights "$shipped" >/dev/null
check cmp expected.png given.png

# A prefix that was moved, also by a link to the program.
mkdir -p moved/prefix/bin moved/prefix/share/upconv elsewhere
cp "$program" moved/prefix/bin/upconv
cp "$shipped" moved/prefix/share/upconv/
ln -s ../moved/prefix/bin/upconv elsewhere/upconv
for installed in moved/prefix/bin/upconv elsewhere/upconv; do
  check "$installed" "${one[@]}" moved.png >/dev/null
  check cmp expected.png moved.png
done
# Nothing of the folder that one is in, nor of those around it.
mkdir -p alone/bin work/share/upconv work/examples/weights work/in/it share/upconv examples/weights
cp "$program" alone/bin/upconv
for bait in work/share/upconv work/examples/weights work share/upconv examples/weights work/in/it; do
  echo bait >$bait/dcgan.safetensors
done
for place in work work/in work/in/it; do
  (cd $place && "$folder/alone/bin/upconv" generate --count 1 >out.txt 2>err.txt)
  case $? in
    0) ;; # installed on this machine where this build says
    *) check grep -q "^upconv: the shipped weights dcgan.safetensors are not there, looked for /" $place/err.txt ;;
  esac
done
rm -r share examples

# Packed weights: only oneself can write what one writes, whatever the umask and the file before it say. That others' do
# not count is shown where hashes can be made to fit, tests/framework/packed_test.cpp.
net=$(cat "$golden/sequential.txt")
cp "$golden/sequential.safetensors" net.safetensors
run=(run "$net" --weights net.safetensors --input "$golden/x.npy" --output y.npy)
"$program" pack "$net" --weights net.safetensors --input 2,4,3,5 >packed.txt || failed=1
packed=$(cut -d: -f1 packed.txt)
check test "$(stat -c %a "$packed")" = 644 -o "$(umask)" != 0022
(umask 000 && "$program" pack "$net" --weights net.safetensors --input 2,4,3,5 >/dev/null) || failed=1
check test "$(($(stat -c 0%a "$packed") & 022))" -eq 0
chmod 666 "$packed"
(umask 000 && "$program" pack "$net" --weights net.safetensors --input 2,4,3,5 >/dev/null) || failed=1
check test "$(($(stat -c 0%a "$packed") & 022))" -eq 0
expect 0 "y.npy: float32" "${run[@]}"
check cmp y.npy "$golden/y.npy"
expect 1 "no/such/net.safetensors: there is no such file" pack "$net" --weights no/such/net.safetensors --input 2,4,3,5
exit $failed
