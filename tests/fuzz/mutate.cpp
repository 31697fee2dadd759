// Files of weights, each changed again and again where it counts: what lies in an archive is changed before it is
// packed and summed anew, a header of JSON before its length is written, so that readers get beyond what checksums hold
// off. In JSON half of the changes leave it JSON: numbers, words and whole values change places with others. Archives
// of torch.export are also read as programs, written down for a call and, where that is small, run.
//
//   upconv_mutate COUNT [--from NUMBER] FILE...
//
// Mutation NUMBER is the same in every run. Where a reader breaks, the sanitizer's report ends with the number and the
// file; `--from NUMBER` with a COUNT of 1 and the same files repeats it. Exits with 1 where anything but Error comes
// out.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>

#include "framework/weights/npz.h"
#include "framework/weights/pt2.h"
#include "framework/weights/pytorch.h"
#include "framework/weights/readers.h"
#include "framework/weights/zip.h"
#include "tests/fuzz/exported.h"
#include "tests/fuzz/pack.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace upconv::fuzz {
namespace {

using Random = std::mt19937_64;

uint64_t below(Random& random, uint64_t bound) { return bound == 0 ? 0 : random() % bound; }

/// A place of a text, more often near its beginning, where headers are.
size_t place(Random& random, const std::string& text) {
  const uint64_t bound = below(random, 2) == 0 ? text.size() : std::min<uint64_t>(text.size(), 512);
  return below(random, bound + 1);
}

/// What lengths, counts and offsets become: beside a power of two.
uint64_t odd_number(Random& random) { return (uint64_t{1} << below(random, 64)) - below(random, 3); }

/// What may stand in a pickle or in JSON where something else does: an instruction, a mark, or one of some words.
constexpr std::string_view odd_characters = "().}]{[,:\"012RbhqtasQN\x85\x93\x94\x81\x8c\xff";
constexpr std::string_view odd_words[] = {"cos\nsystem\n",
                                          "X\xff\xff\xff\xff",
                                          "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
                                          "null",
                                          "-1",
                                          "1e400",
                                          "18446744073709551616",
                                          "\\ud800",
                                          "true"};

std::string_view odd_text(Random& random) {
  if (below(random, 2) == 0) return odd_words[below(random, std::size(odd_words))];
  return odd_characters.substr(below(random, odd_characters.size()), 1);
}

void put_number(Random& random, std::string& text) {
  const size_t width = size_t{1} << below(random, 4);
  if (text.size() < width) return;
  const uint64_t number = odd_number(random);
  std::memcpy(text.data() + below(random, text.size() - width + 1), &number, width);
}

/// A decimal number in text becomes another.
void change_digits(Random& random, std::string& text) {
  const size_t from = text.find_first_of("0123456789", place(random, text));
  if (from == text.npos) return;
  const size_t to = std::min(text.find_first_not_of("0123456789", from), text.size());
  text.replace(from, to - from, std::to_string(odd_number(random)));
}

void change_once(Random& random, std::string& text, const std::string& other) {
  const size_t at = place(random, text);
  const size_t length = std::min<size_t>(text.size() - at, 1 + below(random, below(random, 4) == 0 ? 256 : 8));
  switch (below(random, 10)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
      return;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(random());
      return;
    case 2:
      return put_number(random, text);
    case 3:
      return change_digits(random, text);
    case 4:
      text.erase(at, length);
      return;
    case 5:
      text.insert(place(random, text), text.substr(at, length));
      return;
    case 6: {
      const std::string_view word = odd_text(random);
      text.replace(at, below(random, 2) == 0 ? 0 : std::min(text.size() - at, word.size()), word);
      return;
    }
    case 7:  // a piece of another file's
      text.insert(at, other.substr(place(random, other), 1 + below(random, 64)));
      return;
    case 8: {  // two pieces change places
      const std::string piece = text.substr(at, length);
      text.erase(at, length);
      text.insert(place(random, text), piece);
      return;
    }
    default:
      text.resize(at);
  }
}

/// A piece of a text: where it begins, and how long it is. Of length 0 where there is none.
struct Piece {
  size_t at = 0, length = 0;
};

/// A string of JSON with its quotes, behind a place.
Piece string_after(const std::string& text, size_t at) {
  const size_t from = text.find('"', at);
  if (from == text.npos) return {};
  size_t to = from + 1;
  while (to < text.size() && text[to] != '"') to += text[to] == '\\' ? 2 : 1;
  return to < text.size() ? Piece{from, to + 1 - from} : Piece{};
}

/// An object or array of JSON, behind a place.
Piece value_after(const std::string& text, size_t at) {
  const size_t from = text.find_first_of("{[", at);
  int depth = 0;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '"') {
      const Piece inner = string_after(text, i);
      if (inner.length == 0) return {};
      i = inner.at + inner.length - 1;
    }
    if (text[i] == '{' || text[i] == '[') ++depth;
    if ((text[i] == '}' || text[i] == ']') && --depth == 0) return {from, i + 1 - from};
  }
  return {};
}

/// A piece behind a random place of the text, which it says where it ends: most are short, and few are all of it.
template <class Find>
Piece any_piece(Random& random, const std::string& text, Find find) {
  return find(text, below(random, text.size() + 1));
}

/// One piece of a text becomes a copy of another's, or both change places.
template <class Find>
void exchange(Random& random, std::string& text, const std::string& other, Find find) {
  Piece a = any_piece(random, text, find);
  if (a.length == 0) return;
  if (below(random, 4) == 0) {
    const Piece from = any_piece(random, other, find);
    if (from.length > 0) text.replace(a.at, a.length, other, from.at, from.length);
    return;
  }
  Piece b = any_piece(random, text, find);
  if (b.length == 0) return;
  if (below(random, 2) == 0) {
    text.replace(a.at, a.length, text.substr(b.at, b.length));
    return;
  }
  if (b.at < a.at) std::swap(a, b);
  if (a.at + a.length > b.at) return;  // one lies in the other
  const std::string first = text.substr(a.at, a.length), second = text.substr(b.at, b.length);
  text.replace(b.at, b.length, first).replace(a.at, a.length, second);
}

/// What a number of a program becomes.
constexpr std::string_view odd_numbers[] = {"-1",
                                            "0",
                                            "1",
                                            "2",
                                            "3",
                                            "4",
                                            "7",
                                            "64",
                                            "1000000000",
                                            "4294967296",
                                            "4611686018427387904",
                                            "9223372036854775807",
                                            "-9223372036854775808",
                                            "9223372036854775808",
                                            "1e300",
                                            "-0.5",
                                            "null",
                                            "true",
                                            "[]",
                                            "{}",
                                            "\"NaN\""};

/// The kinds of arguments, of which one becomes another.
constexpr std::string_view kinds[] = {"as_tensor",      "as_tensors",       "as_optional_tensors",
                                      "as_none",        "as_int",           "as_ints",
                                      "as_float",       "as_floats",        "as_bool",
                                      "as_bools",       "as_string",        "as_sym_int",
                                      "as_sym_ints",    "as_sym_float",     "as_sym_bool",
                                      "as_scalar_type", "as_memory_format", "as_layout",
                                      "as_device",      "as_complex",       "as_graph",
                                      "as_custom_obj",  "as_name",          "as_expr"};

/// JSON becomes other JSON.
void change_json_once(Random& random, std::string& text, const std::string& other) {
  switch (below(random, 6)) {
    case 0: {
      const size_t from = text.find_first_of("0123456789", below(random, text.size() + 1));
      if (from == text.npos) return;
      const size_t to = std::min(text.find_first_not_of("0123456789", from), text.size());
      text.replace(from, to - from, odd_numbers[below(random, std::size(odd_numbers))]);
      return;
    }
    case 1: {
      const size_t from = text.find("\"as_", below(random, text.size() + 1));
      const Piece kind = from == text.npos ? Piece{} : string_after(text, from);
      if (kind.length == 0) return;
      text.replace(kind.at + 1, kind.length - 2, kinds[below(random, std::size(kinds))]);
      return;
    }
    case 2:
    case 3:
      return exchange(random, text, other, string_after);
    case 4:
      return exchange(random, text, other, value_after);
    default: {
      // Often that of an argument: those of one operation change places, or take those of another.
      const auto argument = [](const std::string& all, size_t at) {
        const size_t from = all.find("\"arg\":", at);
        return from == all.npos ? Piece{} : value_after(all, from);
      };
      return exchange(random, text, other, argument);
    }
  }
}

std::string changed(Random& random, std::string text, const std::string& other) {
  if (text.size() > 1 && text[0] == '{' && below(random, 2) == 0) {
    for (uint64_t times = 1 + below(random, 3); times > 0; --times) change_json_once(random, text, other);
    return text;
  }
  for (uint64_t times = 1 + below(random, 4); times > 0; --times) change_once(random, text, other);
  return text;
}

/// A file, and what is in it where it is an archive.
struct Sample {
  std::string name, bytes;
  std::vector<Entry> entries;  // none: no archive
  std::vector<size_t> texts;   // of the entries, those that are not elements
  bool is_program;             // an archive of torch.export
};

Sample sample_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  Sample sample{path, {std::istreambuf_iterator<char>(file), {}}, {}, {}, false};
  const auto bytes = std::as_bytes(std::span(sample.bytes));
  if (!internal::looks_like_zip(bytes)) return sample;
  const internal::ZipArchive archive(bytes, path, nullptr);
  sample.is_program = internal::looks_like_pt2(archive);
  for (const internal::ZipEntry& entry : archive.entries()) {
    const internal::Bytes content = archive.read(entry);
    if (entry.name.find("/code/") == entry.name.npos && entry.name.find("/data/weights/weight") == entry.name.npos &&
        (entry.name.find("/data/") == entry.name.npos || entry.name.ends_with(".json")))
      sample.texts.push_back(sample.entries.size());
    sample.entries.push_back(
        {std::string(entry.name), {reinterpret_cast<const char*>(content.span.data()), content.span.size()}});
  }
  return sample;
}

const std::string& text_of(const Sample& sample, Random& random) {
  if (sample.texts.empty()) return sample.bytes;
  return sample.entries[sample.texts[below(random, sample.texts.size())]].content;
}

/// One of a file's texts is changed, or a name in its archive, or rarely its very bytes.
std::string mutated(const Sample& sample, const Sample& other, Random& random) {
  const std::string& piece = text_of(other, random);
  if (below(random, 8) == 0) return changed(random, sample.bytes, piece);
  if (!sample.entries.empty()) {
    std::vector<Entry> entries = sample.entries;
    Entry& any = entries[below(random, entries.size())];
    switch (below(random, 16)) {
      case 0:
        any.name = changed(random, any.name, piece);
        break;
      case 1:
        any.content = changed(random, any.content, piece);
        break;
      case 2:
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(below(random, entries.size())));
        break;
      default: {
        // Of a program's texts the longest is the program; the others are soon read.
        std::string& text = sample.texts.empty() ? any.content
                            : sample.is_program && below(random, 4) != 0
                                ? std::max_element(entries.begin(), entries.end(),
                                                   [](const Entry& a, const Entry& b) {
                                                     const auto length = [](const Entry& entry) {
                                                       return entry.name.ends_with(".json") ? entry.content.size() : 0;
                                                     };
                                                     return length(a) < length(b);
                                                   })
                                      ->content
                                : entries[sample.texts[below(random, sample.texts.size())]].content;
        text = changed(random, std::move(text), piece);
      }
    }
    return zip_of(entries);
  }
  if (internal::looks_like_safetensors(std::as_bytes(std::span(sample.bytes)))) {
    uint64_t size = 0;
    std::memcpy(&size, sample.bytes.data(), sizeof size);
    std::string header = changed(random, sample.bytes.substr(sizeof size, size), piece);
    const std::string rest = sample.bytes.substr(sizeof size + size);
    size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header + rest;
  }
  return changed(random, sample.bytes, piece);
}

std::string_view at_work;  // the file, for the report
uint64_t number_at_work;

void tell() { fmt::print(stderr, "mutation {} of {}\n", number_at_work, at_work); }

struct Outcomes {
  uint64_t read = 0, refused = 0, unreadable = 0, programs = 0, written = 0, ran = 0;
};

/// Reads bytes that end where they end, and every tensor, which touches all its bytes.
void try_reading(const std::string& file, Outcomes& outcomes) {
  const std::vector<char> exact(file.begin(), file.end());
  try {
    for (const auto& [name, stored] : load_state_dict(std::as_bytes(std::span(exact)), "mutated")) {
      if (stored.unreadable.empty())
        (void)stored.to_tensor();
      else
        ++outcomes.unreadable;
    }
    ++outcomes.read;
  } catch (const Error&) {
    ++outcomes.refused;
  }
}

/// The same as a program.
void try_running(const std::string& file, Outcomes& outcomes) {
  const std::vector<char> exact(file.begin(), file.end());
  ++outcomes.programs;
  try {
    if (run_exported(std::as_bytes(std::span(exact)), "mutated")) ++outcomes.ran;
    ++outcomes.written;
  } catch (const Error&) {
  }
}

uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error("expected a number, got " + std::string(text));
  return number;
}

void run(uint64_t count, uint64_t from, std::span<const Sample> samples) {
  Outcomes outcomes;
  for (uint64_t number = from; number < from + count; ++number) {
    Random random(number);
    const Sample& sample = samples[number % samples.size()];
    at_work = sample.name;
    number_at_work = number;
    const std::clock_t begin = std::clock();  // the processor's time: others may have it for a while
    const std::string file = mutated(sample, samples[below(random, samples.size())], random);
    try_reading(file, outcomes);
    if (sample.is_program) try_running(file, outcomes);
    if (std::clock() - begin > 5 * CLOCKS_PER_SEC) throw Error("it took more than five seconds");
  }
  fmt::print("{} mutations of {} files: {} read, {} refused; {} tensors that cannot be read\n", count, samples.size(),
             outcomes.read, outcomes.refused, outcomes.unreadable);
  fmt::print("{} of them are programs: {} could be called, of which {} ran\n", outcomes.programs, outcomes.written,
             outcomes.ran);
}

}  // namespace
}  // namespace upconv::fuzz

int main(int argc, char** argv) {
  using namespace upconv::fuzz;
  std::vector<Sample> samples;  // whose names a report tells
  try {
    std::vector<std::string_view> given(argv + 1, argv + argc);
    if (given.empty()) throw upconv::Error("expected COUNT [--from NUMBER] FILE...");
    const uint64_t count = number_of(given[0]);
    uint64_t from = 0;
    size_t first = 1;
    if (given.size() > 2 && given[1] == "--from") {
      from = number_of(given[2]);
      first = 3;
    }
    for (size_t i = first; i < given.size(); ++i) samples.push_back(sample_of(given[i].data()));
    if (samples.empty()) throw upconv::Error("expected at least one FILE");
    __sanitizer_set_death_callback(tell);
    run(count, from, samples);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "upconv_mutate: {}\n", error.what());
    tell();
    return 1;
  }
}
