// Weights as kernels read them: packed on any number of threads, and found again beside the weights.
#include "framework/packed.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <sys/stat.h>
#include <upconv/tbb.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

#include "framework/choices.h"
#include "framework/parallel.h"
#include "framework/weights/packed_cache.h"
#include "layers/convolution/direct/weights.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// A crew of that many real threads even on a machine that has fewer.
struct Many {
  explicit Many(int threads) : arena(threads), crew(threads, make_arena(arena)) {}
  tbb::global_control more{tbb::global_control::max_allowed_parallelism, 8};
  tbb::task_arena arena;
  Crew crew;
};

Packer on(const Crew& crew) {
  return [&](const Packing& packing) { return pack(packing, crew, Isa::scalar, nullptr, [] { return uint64_t{0}; }); };
}

/// A network for whose layers both kinds of packed weights exist, and its weights in a file.
struct Painter {
  Sequential net = sequential(ConvTranspose2d(20, 17, 4, {.stride = 2, .padding = 1}), BatchNorm2d(17), ReLU(),
                              ConvTranspose2d(17, 3, 4, {.stride = 2, .padding = 1}), Tanh());
  static constexpr int64_t size = 6;

  Tensor operator()(const Options& options) const {
    const Program program = compile(net, {1, 20, size, size}, options);
    return program(randn({1, 20, size, size}, 5));
  }
  void save(const std::filesystem::path& file, uint64_t seed, DType dtype = DType::float32) {
    Random random(seed);
    randomize(net, random);
    save_safetensors(file, net.state_dict(), {.dtype = dtype});
  }
};

const Options direct{.algorithm = "direct"}, winograd{.algorithm = "winograd F(2,2)"};

/// What `upconv pack` does.
std::filesystem::path pack_beside(const std::filesystem::path& file) {
  Painter painter;
  StateDict weights = load_state_dict(file);
  const auto recorder = PackedCache::recorder();
  PackedCache::look_in(weights, recorder);
  painter.net.load_state_dict(weights);
  for (const Options& options : {direct, winograd}) painter(options);
  CHECK(recorder->size() == 4);
  return recorder->save(file, default_isa(), *crew(0, nullptr));
}

/// A packed file of so many entries with zeros as the floats of one of them, which nobody could tell from ours.
std::string with_zeros(std::string bytes, size_t at, size_t entries) {
  const auto everybody = crew(0, nullptr);
  const std::span<std::byte> forged = std::as_writable_bytes(std::span(bytes));
  std::array<uint64_t, 4> entry;  // key, offset, floats, hash
  std::memcpy(entry.data(), bytes.data() + 32 + 32 * at, sizeof entry);
  const auto floats = forged.subspan(entry[1], entry[2] * sizeof(float));
  std::ranges::fill(floats, std::byte{0});
  entry[3] = hash(std::span<const std::byte>(floats), *everybody);
  std::memcpy(bytes.data() + 32 + 32 * at, entry.data(), sizeof entry);
  const uint64_t hash_of_entries = hash(std::span<const std::byte>(forged.subspan(32, entries * 32)), *everybody);
  std::memcpy(bytes.data() + 24, &hash_of_entries, sizeof hash_of_entries);
  return bytes;
}

/// A painter who loads the file and whatever is beside it.
Painter loaded(const std::filesystem::path& file) {
  Painter painter;
  painter.net.load(file);
  return painter;
}

}  // namespace

TEST_CASE("share: every part once, on workers with numbers of their own") {
  for (int threads : {1, 2, 5}) {
    Many many(threads);
    for (int64_t count : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> times(static_cast<size_t>(count));
      std::vector<std::atomic<int>> at_work(static_cast<size_t>(threads));
      std::atomic<int> wrong = 0;
      many.arena.execute([&] {
        many.crew.share(count, [&](int64_t index, int worker) {
          if (worker < 0 || worker >= threads || at_work[static_cast<size_t>(worker)]++ != 0) ++wrong;
          ++times[static_cast<size_t>(index)];
          --at_work[static_cast<size_t>(worker)];
        });
      });
      CHECK(wrong == 0);
      CHECK(std::all_of(times.begin(), times.end(), [](const auto& t) { return t == 1; }));
    }
  }
}

TEST_CASE("share: waits for nobody, though all places of the arena are taken by those who wait for the caller") {
  Many many(1);
  const Crew crew(3, make_arena(many.arena));
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::atomic<bool> inside = false;
  std::thread other([&] {
    many.arena.execute([&] {
      inside = true;
      const std::lock_guard wait(mutex);
    });
  });
  while (!inside) std::this_thread::yield();
  std::atomic<int> done = 0;
  crew.share(10, [&](int64_t, int) { ++done; });
  CHECK(done == 10);
  lock.unlock();
  other.join();
}

TEST_CASE("pin: packed weights are the layer's, whatever its order, type and the number of threads") {
  Random random(3);
  const struct {
    int64_t IC, OC, groups, taps;
    bool output_outermost;
  } cases[] = {{3, 5, 1, 1, true},  {300, 70, 1, 1, true},  {10, 33, 1, 9, true},  {12, 40, 4, 6, true},
               {3, 5, 1, 4, false}, {65, 33, 1, 16, false}, {12, 40, 4, 6, false}, {2, 3, 1, 5000, false}};
  for (const Isa isa : available_isas())
    for (const DType dtype : {DType::float32, DType::float16})
      for (const auto& c : cases) {
        const int64_t IC = c.IC / c.groups, OC = c.OC / c.groups;
        const WeightLayout layout =
            c.output_outermost ? WeightLayout{c.IC, c.OC, c.groups, c.taps, OC * IC * c.taps, IC * c.taps, c.taps}
                               : WeightLayout{c.IC, c.OC, c.groups, c.taps, OC * IC * c.taps, c.taps, OC * c.taps};
        TemporaryFolder folder;
        StateDict one;
        one.add("weight", Stored::of(random.randn({c.groups * OC * IC * c.taps})));
        save_safetensors(folder / "w", one, {.dtype = dtype});
        const Stored stored = load_state_dict(folder / "w").at("weight");
        const Tensor values = stored.to_tensor();
        std::vector<double> scale;
        std::vector<float> shift;
        for (int64_t oc = 0; oc < c.OC; ++oc) {
          scale.push_back(0.5 + 0.1 * static_cast<double>(oc));
          shift.push_back(static_cast<float>(oc));
        }
        const kernels::Table& table = kernels::table(isa);
        const WeightView view{stored, layout, scale, shift};
        Many one_thread(1), three(3);
        const PackedDirect packed(table, view, on(three.crew), false), serial(table, view, on(one_thread.crew), false);
        CHECK(std::ranges::equal(packed.floats(), serial.floats()));
        CHECK(packed.finite());
        int64_t wrong = 0, lanes = 0;
        for (const kernels::Block& block : packed.blocks()) {
          const int64_t group = block.oc / OC, row = block.vectors * table.width;
          CHECK(reinterpret_cast<uintptr_t>(block.w) % 64 == 0);
          lanes += block.lanes;
          for (int64_t lane = 0; lane < row; ++lane) {
            const int64_t oc = block.oc + lane;
            const bool real = lane < block.lanes;
            if (block.shift[lane] != (real ? shift[static_cast<size_t>(oc)] : 0)) ++wrong;
            for (int64_t ic = 0; ic < IC; ++ic)
              for (int64_t tap = 0; tap < c.taps; ++tap) {
                const int64_t at =
                    group * layout.group_stride + (oc - group * OC) * layout.oc_stride + ic * layout.ic_stride + tap;
                const float expected =
                    real ? static_cast<float>(values.data()[at] * scale[static_cast<size_t>(oc)]) : 0.0f;
                if (block.w[(tap * IC + ic) * row + lane] != expected) ++wrong;
              }
          }
        }
        CHECK(lanes == c.OC);
        CHECK(wrong == 0);
      }
}

TEST_CASE("packed weights: an infinite or absent number is noticed wherever it is") {
  for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for (const int64_t at : {0, 37, 99}) {
      Tensor values({10, 10});
      values.data()[at] = value;
      const Stored stored = Stored::of(values);
      const WeightLayout layout{10, 10, 1, 1, 0, 10, 1};
      const std::vector<double> scale(10, 1.0);
      const std::vector<float> shift(10, 0.0f);
      CHECK(!PackedDirect(kernels::table(default_isa()), {stored, layout, scale, shift}, on(*crew(0, nullptr)), false)
                 .finite());
    }
}

TEST_CASE("packed cache: pictures keep their bits, and the saved weights are what runs") {
  for (const DType dtype : {DType::float32, DType::float16}) {
    TemporaryFolder folder;
    const auto file = folder / "w.safetensors";
    Painter().save(file, 1, dtype);
    const Tensor plain[] = {loaded(file)(direct), loaded(file)(winograd)};  // before there is anything to find
    const std::filesystem::path beside = pack_beside(file);
    CHECK(beside.filename().string() == "w.safetensors.packed-" + std::string(name(default_isa())));
    CHECK(same_bits(loaded(file)(direct), plain[0]));
    CHECK(same_bits(loaded(file)(winograd), plain[1]));
  }

  // Where one of them has other floats, it is its layer that shows them, by its algorithm and no other.
  TemporaryFolder folder;
  const auto file = folder / "w.safetensors";
  Painter().save(file, 1);
  const Tensor plain[] = {loaded(file)(direct), loaded(file)(winograd)};
  const std::filesystem::path packed = pack_beside(file);
  const std::string good = bytes_of(packed);
  const Isa isa = default_isa();
  const auto everybody = crew(0, nullptr);
  const Crew& all = *everybody;
  int by_direct = 0, by_winograd = 0;
  for (size_t at = 0; at < 4; ++at) {
    std::ofstream(packed, std::ios::binary) << with_zeros(good, at, 4);
    const bool other_direct = !same_bits(loaded(file)(direct), plain[0]);
    const bool other_winograd = !same_bits(loaded(file)(winograd), plain[1]);
    CHECK(other_direct != other_winograd);
    by_direct += other_direct;
    by_winograd += other_winograd;
  }
  CHECK(by_direct == 2);
  CHECK(by_winograd == 2);

  const auto forged = PackedCache::recorder();
  const std::vector<float> zeros(100, 0.0f);
  const PackedFloats forged_floats{zeros, nullptr};
  forged->keep(isa, 7, forged_floats);
  forged->save(file, isa, all);
  const auto beside = PackedCache::beside(file);
  REQUIRE(beside->wants(isa));
  const auto found = beside->find(isa, 7, zeros.size(), all);
  REQUIRE(found);
  CHECK(std::ranges::equal(found->span, zeros));
  CHECK(found->span.data() != zeros.data());
  CHECK(!beside->find(isa, 8, zeros.size(), all));
  CHECK(!beside->find(isa, 7, zeros.size() - 1, all));
  CHECK(!beside->wants(isa == Isa::scalar ? Isa::sse2 : Isa::scalar));
}

TEST_CASE("packed cache: what a file of choices takes is saved and nothing else, and it is what runs") {
  for (const Options& wanted : {direct, winograd}) {
    CAPTURE(wanted.algorithm);
    TemporaryFolder folder;
    const auto file = folder / "w.safetensors";
    Painter().save(file, 1);
    const Shape shape = {1, 20, Painter::size, Painter::size};
    const Options told{.choices = std::make_shared<const Choices>(compile(Painter().net, shape, wanted).choices())};
    CHECK(told.choices->all().size() == 2);
    const Tensor plain = loaded(file)(told);
    CHECK(same_bits(plain, loaded(file)(wanted)));

    Painter painter;
    StateDict weights = load_state_dict(file);
    const auto recorder = PackedCache::recorder();
    PackedCache::look_in(weights, recorder);
    painter.net.load_state_dict(weights);
    painter(told);
    REQUIRE(recorder->size() == 2);  // and not those of what is expected to be fastest
    const std::filesystem::path packed = recorder->save(file, default_isa(), *crew(0, nullptr));
    CHECK(same_bits(loaded(file)(told), plain));
    const std::string good = bytes_of(packed);
    for (size_t at : {0, 1}) {
      std::ofstream(packed, std::ios::binary) << with_zeros(good, at, 2);
      CHECK_FALSE(same_bits(loaded(file)(told), plain));
    }
  }
}

TEST_CASE("packed cache: a file that somebody else wrote, or could write, is as good as none") {
  TemporaryFolder folder;
  const auto file = folder / "w.safetensors";
  Painter().save(file, 1);
  const std::filesystem::path packed = pack_beside(file);
  const Isa isa = default_isa();
  const auto counts = [&] { return PackedCache::beside(file)->wants(isa); };
  CHECK(counts());
  for (const int mode : {0664, 0646, 0666, 0620, 0602}) {
    std::filesystem::permissions(packed, std::filesystem::perms(mode));
    CHECK(!counts());
  }
  for (const int mode : {0644, 0600, 0444, 0755}) {
    std::filesystem::permissions(packed, std::filesystem::perms(mode));
    CHECK(counts());
  }
  // A link is what it leads to.
  std::filesystem::rename(packed, folder / "elsewhere");
  std::filesystem::create_symlink("elsewhere", packed);
  CHECK(counts());
  std::filesystem::permissions(folder / "elsewhere", std::filesystem::perms(0666));
  CHECK(!counts());
  std::filesystem::permissions(folder / "elsewhere", std::filesystem::perms(0644));
  // Whose it is, which only root can change.
  constexpr uid_t somebody = 65531, somebody_else = 65532;
  if (::geteuid() != 0) return;
  REQUIRE(::chown((folder / "elsewhere").c_str(), somebody, somebody) == 0);
  CHECK(!counts());
  REQUIRE(::chown(file.c_str(), somebody_else, somebody_else) == 0);
  CHECK(!counts());
  REQUIRE(::chown(file.c_str(), somebody, somebody) == 0);
  CHECK(counts());
}

TEST_CASE("packed cache: other weights, and other values folded into them, are noticed") {
  TemporaryFolder folder;
  const auto file = folder / "w.safetensors", other = folder / "other.safetensors";
  Painter().save(file, 1);
  pack_beside(file);
  // The same names, shapes, size and time.
  const auto time = std::filesystem::last_write_time(file);
  Painter().save(file, 2);
  std::filesystem::last_write_time(file, time);
  Painter().save(other, 2);
  CHECK(same_bits(loaded(file)(direct), loaded(other)(direct)));
  CHECK(same_bits(loaded(file)(winograd), loaded(other)(winograd)));

  // The weights that were packed, behind another BatchNorm.
  Painter().save(file, 1);
  Painter changed = loaded(file), plain;
  plain.net.load_state_dict([&] {
    StateDict weights = load_state_dict(file);
    PackedCache::look_in(weights, nullptr);
    return weights;
  }());
  for (const Painter* painter : {&changed, &plain})
    painter->net.parameter("1.weight").set(randn(painter->net.parameter("1.weight").shape(), 9));
  CHECK(same_bits(changed(direct), plain(direct)));
  CHECK(!same_bits(changed(direct), loaded(file)(direct)));
}

TEST_CASE("packed cache: what is damaged, cut short or no file of ours is as good as absent") {
  TemporaryFolder folder;
  const auto file = folder / "w.safetensors";
  Painter().save(file, 1);
  const Tensor expected[] = {loaded(file)(direct), loaded(file)(winograd)};
  const std::filesystem::path beside = pack_beside(file);
  const std::string good = bytes_of(beside);
  const auto check = [&] {
    const Painter painter = loaded(file);
    CHECK(same_bits(painter(direct), expected[0]));
    CHECK(same_bits(painter(winograd), expected[1]));
  };
  const auto check_with = [&](const std::string& bytes) {
    folder.write(beside.filename().string(), bytes);
    check();
  };
  for (size_t at = 0; at < good.size(); at += at < 256 ? 1 : 1009)
    for (const int bit : {0, 7}) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      check_with(damaged);
    }
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{8}, size_t{31}, size_t{32}, size_t{100}, good.size() / 2, good.size() - 1})
    check_with(good.substr(0, size));
  // Sound, but of another version, or other sources: its floats may lie in another order.
  check_with(good);
  CHECK(PackedCache::beside(file)->wants(default_isa()));
  std::string other = good;
  other[8] = static_cast<char>(other[8] ^ 1);
  check_with(other);
  CHECK(!PackedCache::beside(file)->wants(default_isa()));
  check_with(std::string(1000, 'x'));
  check_with(std::string(1000, '\xff'));
  check_with(good + "more");

  std::filesystem::remove(beside);
  check();
  std::filesystem::create_directory(beside);
  check();
  std::filesystem::remove(beside);
  REQUIRE(::mkfifo(beside.c_str(), 0600) == 0);
  check();
}

TEST_CASE("packed cache: entries that a forger placed outside of the file are refused") {
  TemporaryFolder folder;
  const auto file = folder / "w";
  const auto everybody = crew(0, nullptr);
  const Crew& all = *everybody;
  const Isa isa = default_isa();
  const std::vector<float> floats(100, 1.0f);
  const auto recorder = PackedCache::recorder();
  recorder->keep(isa, 7, {floats, nullptr});
  const std::filesystem::path beside = recorder->save(file, isa, all);
  const std::string good = bytes_of(beside);
  const auto forged = [&](size_t field, uint64_t value) {
    std::string bytes = good;
    std::memcpy(bytes.data() + field, &value, sizeof value);
    // The hash of the entries, over the changed one.
    const uint64_t hash_of_entries = hash(std::as_bytes(std::span(bytes).subspan(32, 32)), all);
    std::memcpy(bytes.data() + 24, &hash_of_entries, sizeof hash_of_entries);
    std::ofstream(beside, std::ios::binary) << bytes;
    return PackedCache::beside(file)->find(isa, 7, floats.size(), all).has_value();
  };
  constexpr size_t offset = 40, count = 48;
  CHECK(forged(offset, 64));  // as it was
  CHECK(!forged(offset, 65));
  CHECK(!forged(offset, 128));
  CHECK(!forged(offset, uint64_t{1} << 62));
  CHECK(!forged(offset, ~uint64_t{63}));
  CHECK(!forged(count, 101));
  CHECK(!forged(count, uint64_t{1} << 62));
  CHECK(!forged(count, ~uint64_t{0}));
}
