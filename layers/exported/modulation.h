#pragma once
// Internal: convolutions whose weights were scaled for each picture of a batch (StyleGAN2's), as convolutions of all
// pictures by one weight.
#include "program.h"

namespace upconv::internal {

/// Replaces convolutions of a weight W[o, i, kh, kw] that is multiplied by numbers for each picture, s[n, i] and d[n,
/// o], which PyTorch computes as one picture of n groups: conv(x, W * s * d) is conv(x * s, W) * d. Sums of squares,
/// sum_{i, kh, kw} (W * s)^2, become products of s^2 with sum_{kh, kw} W^2. What filters the one picture before it is
/// seen as n again, as behind convolutions that upsample, filters n pictures, and then they are multiplied by d. What
/// is not exactly that stays as it is; what nobody reads any more goes.
void recognise_modulation(ExportedProgram& program);

}  // namespace upconv::internal
