#include "datasets/digest.h"

#include <fmt/format.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include <array>

// Until 3.0 the functions whose names end so are those that can say that hardware failed.
#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

#include "framework/fail.h"

namespace upconv::datasets {
namespace {

void expect_success(int status) {
  if (status != 0) internal::fail("SHA-256: Mbed TLS says {}", status);
}

}  // namespace

struct Sha256::State {
  mbedtls_sha256_context context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  mbedtls_sha256_init(&state_->context);
  expect_success(mbedtls_sha256_starts(&state_->context, 0));
}

Sha256::~Sha256() { mbedtls_sha256_free(&state_->context); }

void Sha256::add(const void* bytes, size_t size) {
  expect_success(mbedtls_sha256_update(&state_->context, static_cast<const unsigned char*>(bytes), size));
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest;
  expect_success(mbedtls_sha256_finish(&state_->context, digest.data()));
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace upconv::datasets
