#!/usr/bin/env bash
# Pictures in shards: the index is the picture, however they are cut; what is there stays; manifests, and who verifies them.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

many=(generate --latents philox --count 30 --shards 4)
expect 0 "4 shards painted, 0 there before: 30 pictures" "${many[@]}" --out 'a-{shard:02d}.tar' --manifest a.json
check no_leftovers
check test "$(tar tf a-01.tar | head -n 2 | tr '\n' ' ')" = "000000008.png 000000008.json "
check test "$(for f in a-0?.tar; do tar tf "$f"; done | grep -c 'png$')" = 30
check test "$(tar tvf a-03.tar --utc --full-time | awk '{print $1, $2, $4, $5}' | sort -u)" = "-rw-r--r-- 0/0 1970-01-01 00:00:00"

# Cut otherwise, by tasks, with another batch on another number of threads: the same bytes.
for task in 0/3 1/3 2/3; do
  expect 0 "painted, 0 there before" "${many[@]}" --out 'b-{shard:02d}.tar' --task $task --batch 3 --threads 1
done
for shard in 00 01 02 03; do check cmp a-$shard.tar b-$shard.tar; done
expect 0 "1 shard painted" generate --latents philox --first 8 --count 8 --shards 1 --shard 0 --out 'c-{shard}.tar'
check cmp c-0.tar a-01.tar
# One picture is the same on a sheet and in a shard, to the last bit: both are cut from .npy and PNG alike.
expect 0 "1 picture" generate --latents philox --first 8 --count 1 --out sheet.png
tar xf a-01.tar 000000008.png
check is_png 000000008.png

# What is there stays, unless it is not whole, is not wanted, or holds other pictures.
touch -d @1 a-0?.tar
expect 0 "0 shards painted, 4 there before" "${many[@]}" --out 'a-{shard:02d}.tar'
truncate -s -512 a-02.tar
expect 0 "1 shard painted, 3 there before" "${many[@]}" --out 'a-{shard:02d}.tar'
check cmp a-02.tar b-02.tar
check test "$(stat -c %Y a-01.tar)" = 1
expect 0 "4 shards painted" "${many[@]}" --out 'a-{shard:02d}.tar' --no-resume
for shard in 00 01 02 03; do check cmp a-$shard.tar b-$shard.tar; done
expect 1 "a-00.tar: holds other pictures, of seed 0 in the place of 5: " "${many[@]}" --seed 5 --out 'a-{shard:02d}.tar'
expect 1 "a-02.tar: holds other pictures" generate --latents philox --count 31 --shards 4 --out 'a-{shard:02d}.tar'
expect 1 "holds other pictures, 000000000.png in the place of 000000000.npy" "${many[@]}" --format npy \
  --out 'a-{shard:02d}.tar'
echo text >d-00.tar
: >d-01.tar
expect 0 "4 shards painted" "${many[@]}" --out 'd-{shard:02d}.tar'
touch a-00.tar.upconv-1.part a-01.tar.json.upconv-0.part
expect 0 "4 there before" "${many[@]}" --out 'a-{shard:02d}.tar'
check no_leftovers

# Manifests: written beside, or made again of the shards.
check grep -qF "\"sha256\": \"$(sha256sum a-02.tar | cut -d ' ' -f 1)\"" a.json
check grep -qF '"agreed": true' a.json
rm a-02.tar.json
expect 0 "n.json: 4 shards" "${many[@]}" --out 'a-{shard:02d}.tar' --manifest n.json
check grep -qF '"processor": "unknown"' n.json
expect 0 "4 shards verified: 30 pictures, 30 of them painted anew" verify a.json --sample 1
expect 0 "4 shards verified: 30 pictures, 4 of them painted anew" verify a.json --sample 0.01
expect 1 "weights" verify a.json --model vae --weights "$2"
for wrong in '"count": 7/"count": 8' '"count": 7/"count": 99999999999999' '"first": 8/"first": 9' '"count": 8/"count": -8'; do
  sed "s/$wrong/" a.json >wrong.json
  expect 1 "tar: has not " verify wrong.json
done
for text in '{"upconv": 1}' '[]' '{' 'x'; do
  echo "$text" >wrong.json
  expect 1 "wrong.json: expected a manifest that upconv wrote: " verify wrong.json
done
cp a-03.tar kept.tar
printf X | dd of=a-03.tar bs=1 seek=700 conv=notrunc 2>/dev/null
expect 1 "a-03.tar: is not the file that was written" verify a.json
cp kept.tar a-03.tar
rm a-01.tar
expect 1 "a-01.tar: is not there" verify a.json

# Processors that choose otherwise.
expect 0 "painted" "${many[@]}" --out 'e-{shard:02d}.tar' --task 0/2 --isa scalar
expect 0 "painted in 2 ways" "${many[@]}" --out 'e-{shard:02d}.tar' --manifest e.json
check grep -qF '"agreed": false' e.json
expect 1 "e-00.tar: holds other pictures, of isa \"scalar\"" "${many[@]}" --out 'e-{shard:02d}.tar' \
  --isa "$("$program" generate --help | sed -n 's/.*on this machine \([a-z0-9]*\).*/\1/p')"
expect 0 "choices for 1 thread" tune dcgan --input 8,100,1,1 --threads 1 --seconds 0.2 --choices choices.txt
expect 0 "4 shards painted" "${many[@]}" --out 'f-{shard:02d}.tar' --choices choices.txt --batch 8
expect 1 "the file of choices has none for " "${many[@]}" --out 'g-{shard:02d}.tar' --choices choices.txt --batch 9

# Formats.
expect 0 "painted" "${many[@]}" --format npy --out 'n-{shard:02d}.tar'
check test "$(tar xOf n-00.tar 000000000.npy | head -c 6 | tail -c 5)" = NUMPY
if "$program" "${many[@]}" --format jpeg --out 'j-{shard:02d}.tar' >out.txt 2>err.txt; then
  check test "$(tar xOf j-00.tar 000000000.jpeg | head -c 3 | od -An -tx1)" = " ff d8 ff"
else
  check grep -qF "this build of upconv has no JPEG" err.txt
fi

# What was asked for beside the standard is told, and shards that were asked for otherwise are other shards.
rounded=("${many[@]}" --precision bfloat16 --float32 main.3 --out 'h-{shard:02d}.tar')
expect 0 "4 shards painted" "${rounded[@]}" --manifest h.json
check grep -qF '"precision":"bfloat16","float32":["main.3"]}' <(tar xOf h-00.tar 000000000.json)
# Where bfloat16 is not fast, what is tuned for throughput stays in float32, and says nothing else.
"$program" bench 'Conv2d(1, 1, 1)' --input 1,1,1,1 --seconds 0 --json >machine.json
if grep -qE '"bfloat16": *"(fast|tiles)"' machine.json; then
  check grep -qF ', bfloat16"' h.json
else
  check test "$(grep -cF ', bfloat16"' h.json)" = 0
fi
expect 0 "4 there before" "${rounded[@]}"
expect 1 'h-00.tar: holds other pictures, of precision "bfloat16" in the place of null' "${many[@]}" --out 'h-{shard:02d}.tar'
expect 1 'of precision null in the place of "bfloat16"' "${many[@]}" --precision bfloat16 --out 'b-{shard:02d}.tar'
expect 1 'of accuracy null in the place of "exact"' "${many[@]}" --accuracy exact --out 'b-{shard:02d}.tar'
expect 1 'of value_range null in the place of [0.0,1.0]' "${many[@]}" --value-range 0 1 --out 'b-{shard:02d}.tar'
expect 0 "30 pictures, 30 of them painted anew" verify h.json --sample 1
sed 's/"precision": "bfloat16"/"precision": "bfloat8"/' h.json >wrong.json
expect 1 "expected what upconv can be asked for, got" verify wrong.json

# Labels, by modulus and from a file: the pictures are those of the labels, and the shards tell them.
conditional=$golden/conditional.pt2
labelled=(generate "$conditional" --latents philox --count 12 --shards 2)
for ((i = 0; i < 12; ++i)); do echo $((i % 5)); done >labels.txt
expect 0 "2 shards painted" "${labelled[@]}" --classes 5 --out 'k-{shard}.tar' --manifest k.json
expect 0 "2 shards painted" "${labelled[@]}" --labels labels.txt --out 'l-{shard}.tar'
for shard in 0 1; do check cmp k-$shard.tar l-$shard.tar; done
check grep -qF '"label":2,' <(tar xOf k-1.tar 000000007.json)
expect 0 "1 shard painted" "${labelled[@]:0:4}" --first 6 --count 6 --shards 1 --labels labels.txt --out 'm-{shard}.tar'
check cmp m-0.tar k-1.tar
sed 's/2/3/' labels.txt >other.txt
tac labels.txt >reversed.txt
expect 0 "2 shards painted" "${labelled[@]}" --labels other.txt --out 'o-{shard}.tar'
check cmp <(tar xOf o-0.tar 000000001.png) <(tar xOf k-0.tar 000000001.png)
check test "$(tar xOf o-0.tar 000000002.png | sha256sum)" != "$(tar xOf k-0.tar 000000002.png | sha256sum)"
expect 0 "12 pictures, 12 of them painted anew" verify k.json --sample 1 --model "$conditional"
expect 1 "takes a label for each picture: give --classes or --labels" "${labelled[@]}" --out 'x-{shard}.tar'
expect 1 "k-0.tar: holds other pictures, of label 0 in the place of 1" "${labelled[@]}" --labels reversed.txt --out 'k-{shard}.tar'
expect 1 "has labels for 12 pictures, and picture 12 has none" generate "$conditional" --latents philox --count 13 --shards 2 \
  --labels labels.txt --out 'w-{shard}.tar'
expect 2 "--classes says what the labels are" "${labelled[@]}" --classes 5 --labels labels.txt --out 'x-{shard}.tar'
check no_leftovers

# Networks of pictures, from a tar and from a folder, in shards and on a sheet.
chain=$golden/../written/chain.pt2
expect 0 "1 shard painted" generate "$chain" --latents philox --count 5 --shards 1 --out 'in-{shard}.tar'
mkdir pictures && tar xf in-0.tar -C pictures
expect 0 "2 shards painted, 0 there before: 5 pictures" generate "$chain" --pictures in-0.tar --shards 2 --out 'p-{shard}.tar' \
  --manifest p.json
expect 0 "2 shards painted, 0 there before: 5 pictures" generate "$chain" --pictures pictures --shards 2 --out 'q-{shard}.tar'
check cmp p-0.tar q-0.tar
check cmp p-1.tar q-1.tar
check test "$(tar xOf p-1.tar 000000003.json | grep -c '"source":"000000003.png"')" = 1
expect 0 "5 pictures, 5 of them painted anew" verify p.json --model "$chain" --pictures pictures --sample 1
expect 1 "these pictures were made of others: give --pictures" verify p.json --model "$chain"
expect 0 "5 pictures" generate "$chain" --pictures pictures --out sheet.png
expect 1 "takes other pictures than (1, 3, 64, 64)" generate "$chain" --pictures a-00.tar --shards 1 --out 'x-{shard}.tar'
expect 1 "there are 5 pictures, and 6 were asked for" generate "$chain" --pictures pictures --first 3 --count 3 --shards 1 \
  --out 'x-{shard}.tar'
expect 1 "cyclegan paints other pictures anew: give --pictures" generate cyclegan
mkdir empty
expect 1 "empty: there is no picture in it" generate "$chain" --pictures empty
# Tars of others: GNU tar's long names, pax's, and folders.
long=$(printf 'd%.0s' {1..70})/$(printf 'e%.0s' {1..70})
mkdir -p "$long" && cp pictures/000000000.png "$long/0.png"
for format in gnu pax ustar; do
  tar cf $format.tar --format=$format "${long%%/*}" pictures/000000001.png
  expect 0 "1 shard painted, 0 there before: 2 pictures" generate "$chain" --pictures $format.tar --shards 1 --no-resume \
    --out 'r-{shard}.tar'
  check test "$(tar xOf r-0.tar 000000000.json | grep -c "\"source\":\"$long/0.png\"")" = 1
done

# Words for what cannot be.
expect 2 "torch's latents are one stream" generate --first 3
expect 2 "there are not so many pictures" generate "$chain" --pictures pictures --first 5 --out x.png
expect 2 "philox" generate --count 3 --shards 2 --out 'x-{shard}.tar'
expect 2 "expected one of 0 to 1, got 2" "${many[@]:0:5}" --shards 2 --shard 2 --out 'x-{shard}.tar'
expect 2 "expected I/N with I below N, got \"3/3\"" "${many[@]}" --task 3/3 --out 'x-{shard}.tar'
expect 1 "expected the names of shards, such as fake-{shard:05d}.tar, got \"x.tar\"" "${many[@]}" --out x.tar
expect 2 "--shards" generate --latents philox --shard 2
expect 1 "cannot be created: No such file or directory" "${many[@]}" --out 'nowhere/{shard}.tar'
expect 1 "takes no labels" "${many[@]}" --classes 10 --out 'x-{shard}.tar'
check no_leftovers
exit $failed
