#include "framework/weights/refusals.h"

#include <algorithm>
#include <string_view>

#include "framework/fail.h"
#include "framework/weights/bytes.h"

namespace upconv::internal {
namespace {

constexpr std::string_view web_page = "a web page, not the file that a link was for; download it again";
constexpr std::string_view old_protocol =
    "a pickle of protocol 0 or 1; save it again with the protocol that torch.save takes by itself, or its arrays with "
    "numpy.savez";
constexpr std::string_view part_of_distributed =
    "of torch.distributed.checkpoint, which cuts tensors in pieces; make one file of its folder: python -m "
    "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER net.pth";

struct Stranger {
  std::string_view beginning;
  std::string_view words;
  size_t offset = 0;  // of the beginning
};
constexpr Stranger strangers[] = {
    {"version https://git-lfs", "what Git LFS leaves in the place of a file; get it with git lfs pull"},
    {"<!DOCTYPE html", web_page},
    {"<!doctype html", web_page},
    {"<html", web_page},
    {"<?xml", "an XML file, such as OpenVINO's of a network; expected its weights as PyTorch saved them"},
    {"\x89HDF", "an HDF5 file, as Keras writes them; save its arrays in Python: numpy.savez"},
    {"GGUF", "a GGUF file, as llama.cpp reads them; save its arrays in Python: numpy.savez"},
    {"TFL3", "a network for TensorFlow Lite; expected weights as PyTorch saved them", 4},
    {"ORTM", "a network for ONNX Runtime; expected the weights as PyTorch saved them", 4},
    {"7767517", "a network for ncnn; expected the weights as PyTorch saved them"},
    {"(dp", old_protocol},
    {"(lp", old_protocol},
    {"}q", old_protocol},
    {"]q", old_protocol},
    {"ccollections\nOrderedDict\n", old_protocol},
    {"cnumpy", old_protocol},
    {"L119547037146038801333356L", old_protocol},  // torch.save's number of before 1.6
    // PyTorch's format of before 0.2.
    {"ustar", "a tar archive, as PyTorch wrote them before 0.2; load it in Python and torch.save its state_dict", 257}};

/// A protobuf whose first field is the version of ONNX's representation; the next is one of the few that follow it.
bool looks_like_onnx(std::string_view text) {
  constexpr std::string_view fields = "\x12\x1a\x22\x28\x32\x3a\x42\x72";
  return text.size() > 3 && text[0] == '\x08' && text[1] > 0 && text[1] < 0x20 && fields.find(text[2]) != fields.npos;
}

bool looks_like_pickle(std::string_view text) {
  return text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}

}  // namespace

void refuse_bytes(std::span<const std::byte> bytes, const std::string& name) {
  std::string_view text = text_of(bytes.first(std::min<size_t>(bytes.size(), 4096)));
  if (looks_like_onnx(text))
    fail("{}: an ONNX file, a network and its weights; expected the weights as PyTorch saved them, before the export",
         name);
  if (looks_like_pickle(text) && text.find("torch.distributed.checkpoint.metadata") != text.npos)
    fail("{}: {}", name, part_of_distributed);
  if (looks_like_pickle(text))
    fail(
        "{}: a pickle, but not torch.save's with its default protocol; expected torch.save(net.state_dict(), "
        "\"net.pth\")",
        name);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const Stranger& stranger : strangers)
    if (text.size() > stranger.offset && text.substr(stranger.offset).starts_with(stranger.beginning))
      fail("{}: {}", name, stranger.words);
  fail(
      "{}: not a weights file: expected safetensors, PyTorch's .pt, .pth or .pt2, .npz or .npy, got something that "
      "begins as none of them",
      name);
}

void refuse_archive(const ZipArchive& archive, const std::string& name) {
  if (archive.find("model.weights.h5") != nullptr)
    fail("{}: a Keras file; save its arrays in Python: numpy.savez", name);
}

void refuse_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / ".metadata", ignored))
    fail("{}: a folder {}", folder.string(), part_of_distributed);
  fail("{}: expected a file, got a folder", folder.string());
}

void refuse_part(const std::filesystem::path& path) {
  if (path.extension() == ".distcp") fail("{}: a part {}", path.string(), part_of_distributed);
}

}  // namespace upconv::internal
