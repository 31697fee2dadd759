// What the library writes, and what it leaves behind.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <thread>

#include "framework/weights/temporary_file.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

const Tensor tensor({2}, {1.0f, 2.0f});

}  // namespace

TEST_CASE("output: a link stays a link, and what it leads to is written") {
  TemporaryFolder folder;
  const auto target = folder.write("target.npy", "old"), link = folder / "link.npy", far = folder / "far.npy";
  std::filesystem::create_symlink("target.npy", link);
  std::filesystem::create_symlink(link, far);
  std::filesystem::permissions(target, std::filesystem::perms(0640));
  save_npy(far, tensor);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(std::filesystem::is_symlink(far));
  CHECK(!std::filesystem::is_symlink(target));
  CHECK(same_bits(load_npy(target), tensor));
  CHECK(mode_of(target) == 0640);
  save_png(link, {1, 1, {1, 2, 3}});
  CHECK(std::filesystem::is_symlink(link));
  CHECK(load_png(target).rgb == std::vector<uint8_t>{1, 2, 3});
  CHECK(mode_of(target) == 0640);
  CHECK(folder.files() == 3);
}

TEST_CASE("output: nobody reads an unfinished file who may not read the finished one") {
  TemporaryFolder folder;
  const auto path = folder.write("secret", "old");
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  TemporaryFile file(path);
  CHECK(mode_of(folder / "secret.upconv-0.part") == 0600);
}

TEST_CASE("output: files that a killed process left are removed by the next that writes the same, and no others") {
  TemporaryFolder folder;
  const auto path = folder / "x.npy";
  const auto left = folder.write("x.npy.upconv-0.part", "left"), more = folder.write("x.npy.upconv-1.part", "left");
  const auto others = folder.write("y.npy.upconv-0.part", "left"), mine = folder.write("x.npy.0.part", "mine");
  {
    const TemporaryFile running(path);  // takes the name of one and removes the next
    CHECK(bytes_of(left).empty());
    CHECK(!std::filesystem::exists(more));
    save_npy(path, tensor);  // beside the one that is still written
    CHECK(std::filesystem::exists(left));
  }
  CHECK(same_bits(load_npy(path), tensor));
  CHECK(!std::filesystem::exists(left));
  CHECK(bytes_of(others) == "left");
  CHECK(bytes_of(mine) == "mine");
  CHECK(folder.files() == 3);

  // What is no file of ours, but has the name: a link is not followed, a folder stays.
  const auto victim = folder.write("victim", "precious");
  std::filesystem::create_symlink(victim, left);
  std::filesystem::create_directory(more);
  save_npy(path, tensor);
  CHECK(bytes_of(victim) == "precious");
  CHECK(std::filesystem::is_symlink(left));
  CHECK(std::filesystem::is_directory(more));
}

TEST_CASE("output: names as long as names may be, and many writers of one file at once") {
  TemporaryFolder folder;
  const auto path = folder / (std::string(251, 'n') + ".npy");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (int times = 0; times < 50; ++times) save_npy(path, tensor);
    });
  for (std::thread& writer : writers) writer.join();
  CHECK(same_bits(load_npy(path), tensor));
  CHECK(folder.files() == 1);
  CHECK(error_of([&] { save_npy(folder / std::string(256, 'n'), tensor); }).ends_with(": File name too long"));
  CHECK(error_of([] { save_npy("", tensor); }) == "the name of the file to write is empty");
}

TEST_CASE("output: a handler of signals finds what is not committed, and nothing else") {
  TemporaryFolder folder;
  TemporaryFile finished(folder / "finished");
  finished.commit();
  TemporaryFile file(folder / "x");
  CHECK(folder.files() == 2);
  unlink_temporary_files();
  CHECK(folder.files() == 1);
  CHECK(std::filesystem::exists(folder / "finished"));
}
