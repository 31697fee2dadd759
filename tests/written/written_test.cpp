// Headers that the program wrote of archives when this was built, under the project's warnings as errors: they load the
// weights beside them strictly, have the archive's names, and compute what the archive does, bit for bit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <upconv/upconv.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "blocks.h"
#include "chain.h"
#include "loops.h"
#include "styles.h"
#include "tokens.h"
#include "u.h"

using namespace upconv;

namespace {

template <class Network>
void compare(const std::string& name, const std::vector<std::vector<Tensor>>& calls) {
  CAPTURE(name);
  Network written;
  REQUIRE_NOTHROW(written.load(std::filesystem::path(UPCONV_WRITTEN) / (name + ".safetensors")));
  const Exported exported = load_exported(std::filesystem::path(UPCONV_ARCHIVES) / (name + ".pt2"));
  for (const std::vector<Tensor>& inputs : calls) {
    const std::vector<Tensor> expected = exported(inputs), got = static_cast<const AnyModule&>(written)(inputs);
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      REQUIRE(got[i].shape() == expected[i].shape());
      CHECK(std::memcmp(got[i].data(), expected[i].data(), static_cast<size_t>(got[i].numel()) * sizeof(float)) == 0);
    }
  }
}

}  // namespace

TEST_CASE("written: repeated blocks, lists, several inputs and results, folded weights, constants") {
  std::vector<std::vector<Tensor>> calls;
  for (const Shape& shape : {Shape{2, 3, 10, 12}, Shape{1, 3, 14, 10}})
    calls.push_back({randn(shape, 1), randn({shape[0], 3}, 2)});
  compare<blocks::Blocks>("blocks", calls);
  const blocks::Blocks network;
  // One struct for blocks that differ in numbers.
  CHECK(network.blocks[0].type_name() == network.blocks[2].type_name());
}

TEST_CASE("written: layers that overwrite what their caller reads, and blocks within blocks") {
  compare<u::U>("u", {{randn({2, 1, 32, 32}, 1)}, {randn({1, 1, 32, 32}, 2)}});
}

TEST_CASE("written: indices, attention, sizes of calls, a weight in two places") {
  const Tensor tokens({2, 5}, std::vector<int64_t>{0, 3, 10, 7, 7, 1, 2, 9, 4, 0});
  compare<tokens::Tokens>("tokens", {{tokens}, {Tensor({1, 3}, std::vector<int64_t>{10, 5, 5})}});
}

TEST_CASE("written: a network that is a Sequential, with many equal layers") {
  compare<chain::Chain>("chain", {{randn({2, 3, 6, 5}, 1)}, {randn({1, 3, 6, 5}, 2)}});
}

TEST_CASE(
    "written: loops over lists, over numbered names and over what lies in steps; arguments that follow from others") {
  std::vector<std::vector<Tensor>> calls;
  for (const Shape& shape : {Shape{2, 4, 7}, Shape{1, 4, 12}})
    calls.push_back({randn(shape, 1), Tensor({shape[0]}, std::vector<int64_t>(static_cast<size_t>(shape[0]), 3)),
                     Tensor({int64_t{1}})});
  compare<loops::Loops>("loops", calls);
}

TEST_CASE("written: weights scaled for each picture, zeros between pixels, norms, means of styles") {
  compare<styles::Styles>("styles",
                          {{randn({2, 3, 5, 6}, 1), randn({2, 4}, 2)}, {randn({1, 3, 7, 4}, 3), randn({1, 4}, 4)}});
}
