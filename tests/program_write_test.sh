#!/usr/bin/env bash
# Headers of exported networks: where they and their weights go, what they are called, and what is refused.
set -uo pipefail
# shellcheck source=tests/program.sh
source "$(dirname "$0")/program.sh" "$1"

archive=$golden/../written/u.pt2
expect 0 "Write an exported network as C++" write --help
expect 0 "net.h: net::Generator" write "$archive" --out net.h
check test -s net.h -a -s net.safetensors
check grep -qx "struct Generator : Module {" net.h
check grep -qx "namespace net {" net.h
check grep -qxF "// upconv write $archive --name Generator --out net.h" net.h
check grep -qxF "//   net.load(\"net.safetensors\");" net.h
expect 0 "model.model.1.model.1.weight" inspect net.safetensors
# The same again is the same, and replaces what was there.
cp net.h before.h
cp net.safetensors before.safetensors
expect 0 "net.safetensors: 16 tensors" write "$archive" --out net.h
check cmp net.h before.h
check cmp net.safetensors before.safetensors

# Python's loops are loops again.
expect 0 "loops.h: loops::Generator" write "$golden/../written/loops.pt2" --out loops.h
for line in "for (const Conv1d& conv : convs) x = conv(x) + x;" \
  "x = mixed(x);" \
  "for (const Conv1d* layer : {&layer1, &layer2, &layer3, &layer4}) y = cat({y, (*layer)(y)}, 1);" \
  "for (int64_t i = 0; i < 2; ++i) x = second[i](leaky_relu(first[i](leaky_relu(x, 0.1)), 0.1)) + x;" \
  "h = (u + pairs[2 * i + 1](h)) / 2;" \
  "for (const Conditional& norm : norms) h = norm(h, label);" \
  "h = narrow(wide(rows(blocks(h))));" \
  "h = unlike[1](unlike[0](h) * 2) * 3;" \
  "Same(int64_t channels, int64_t kernel_size, int64_t dilation)" \
  "{.padding = dilation * (kernel_size - 1) / 2, .dilation = dilation})" \
  "forward(Value x, Value label, Value /*unread*/) const override {" \
  "inline Sequential make_rows(int64_t in_channels, int64_t out_channels) {" \
  "rows(child(\"rows\", sequential(make_rows(2, 3), make_rows(3, 2))))" \
  "for (int i = 0; i < 4; ++i) blocks.append(PReLU());" \
  "embed(child(\"embed\", Embedding(5, num_features * 2)))"; do
  check grep -qF "$line" loops.h
done
expect 0 "chain.h: chain::Chain" write "$golden/../written/chain.pt2" --name Chain --out chain.h
for line in "struct Chain : Sequential {" \
  "    for (int i = 0; i < 5; ++i) append(Conv2d(4, 4, 3, {.padding = 1}));" \
  "    for (int i = 0; i < 4; ++i) {"; do
  check grep -qxF "$line" chain.h
done
# What PyTorch's functions are made of is written as the functions.
expect 0 "styles.h: styles::Generator" write "$golden/../written/styles.pt2" --out styles.h
for pattern in '[a-z0-9]+ = affine\(([a-z0-9]+) \+ \(mean \+ \(([a-z0-9]+) - mean\) \* 0\.2\)\);' \
  'conv2d\(x \* unsqueeze\(unsqueeze\([a-z0-9]+, 2\), 3\), weight, \{\}, \{\.padding = 1\}\) \* [a-z0-9]+' \
  '1, x\.size\(3\), 1\}\), \{0, 1, 0, 0, 0, 1\}\);' \
  'normalize\(slice\(conv2d\([a-z0-9]+, plain / squeeze\(.*\)\), 2, 1\), 2, 1, 1e-6\)' \
  'std::sqrt\(2\)' 'unsqueeze\(styles, 1\)'; do
  check grep -qE "$pattern" styles.h
done

# What load_exported() would refuse is said.
expect 0 "merged.h: merged::Generator" write "$golden/../exported/merged.pt2" --out merged.h
check grep -qE "^// Nothing uses a: .* b stands for both" merged.h
check grep -qF "forward(Value /*a*/, Value b)" merged.h

expect 0 "my net.h: my_net::U" write "$archive" --name U --out "my net.h"
check grep -qx "namespace my_net {" "my net.h"
expect 0 "a.h: paint::U" write "$archive" --name U --namespace paint --out a.h

for name in "" "a b" 7up class Value "a::b"; do
  expect 2 "--name: expected a name that C++ lets a struct have" write "$archive" --name "$name" --out bad.h
done
expect 2 "--namespace: expected a name" write "$archive" --namespace 1 --out bad.h
expect 2 "--out is required" write "$archive"
expect 1 "expected the name of a header" write "$archive" --out -
expect 1 "expected the name of a header" write "$archive" --out bad.safetensors
expect 1 "no/bad.h: cannot be created" write "$archive" --out no/bad.h
expect 1 "expected an archive of torch.export.save" write "$golden/layer.safetensors" --out bad.h
expect 1 "nowhere.pt2" write nowhere.pt2 --out bad.h
expect 1 "holds no program" write "$archive" --program other --out bad.h
# What was refused has written nothing.
check test ! -e bad.h -a ! -e bad.safetensors
exit $failed
