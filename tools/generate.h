#pragma once
// The two things that `upconv generate` makes.
#include <string>

#include "tools/painting.h"

namespace upconv::tools {

/// Pictures on one PNG.
struct SheetOptions {
  std::string latents = "torch";
  int64_t first = 0, count = 64, batch = 64, nrow = 8;
  std::string out = "fake.png";
};
void paint_sheet(const PaintingOptions& painting, const SheetOptions& options);

/// Pictures in tars, of which this process makes some.
struct ShardOptions {
  int64_t first = 0, count = 64, batch = 64;
  std::string out;
  int64_t shards = 0;
  int64_t shard = -1;           ///< the one to make, or -1
  int64_t task = 0, tasks = 1;  ///< those with shard % tasks == task
  std::string format = "png";
  int64_t quality = 90;
  bool resume = true;
  std::string manifest;
};
void paint_shards(const PaintingOptions& painting, const ShardOptions& options);

}  // namespace upconv::tools
