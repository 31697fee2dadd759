#include <algorithm>

#include "framework/fail.h"
#include "layers/kernels/kernels.h"

namespace upconv::kernels {

#if defined(__x86_64__)
extern const Table avx512_table, avx2_table, sse2_table;
#endif
extern const Table scalar_table;

namespace {

// Best first.
const Table* const tables[] = {
#if defined(__x86_64__)
    &avx512_table, &avx2_table, &sse2_table,
#endif
    &scalar_table};

}  // namespace

const Table& table(Isa isa) {
  const std::vector<Isa>& available = available_isas();
  if (std::find(available.begin(), available.end(), isa) != available.end()) {
    for (const Table* found : tables)
      if (found->isa == isa) return *found;
    internal::fail("instruction set {}: this build has no kernels for it", name(isa));
  }
  internal::fail("instruction set {}: this machine cannot run it; it runs up to {}", name(isa),
                 name(available.front()));
}

}  // namespace upconv::kernels
