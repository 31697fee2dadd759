// What a project that uses upconv sees of it: the public headers, under upconv/ alone, and one name, upconv.
#include <upconv/tbb.h>
#include <upconv/upconv.h>

#include "embedded/dcgan.h"

#if !__has_include(<upconv/framework/module.h>) || !__has_include(<upconv/examples/dcgan.h>)
#error "a public header is missing"
#endif

#if __has_include("framework/module.h") || __has_include("layers/conv2d.h") || __has_include("examples/dcgan.h")
#error "a header of ours can be included without its upconv/"
#endif

#if __has_include("tests/support.h") || __has_include("tools/table.h") || __has_include("packing_fingerprint.h")
#error "what is not a part of the library can be included"
#endif

#if __has_include(<upconv/framework/plan.h>) || __has_include(<upconv/framework/fail.h>) || \
    __has_include(<upconv/framework/weights/packed_cache.h>) || __has_include(<upconv/layers/kernels/kernels.h>)
#error "an internal header can be included"
#endif

// Each would be a second meaning of a name that one of our headers had taken.
extern int embedded, examples, internal, kernels, functional;

static_assert(sizeof(upconv::embedded::dcgan()) > 0);
