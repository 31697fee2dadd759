#pragma once
// Internal: the arrays and scalars of NumPy in a pickle. What NumPy's __reduce__ writes, in the versions 1 and 2:
//   _reconstruct(class, (0,), "b") with the state (version, shape, dtype, is in Fortran's order, bytes)
//   _frombuffer(bytes, dtype, shape, order[, axes])    from protocol 5 on
//   scalar(dtype, bytes)
#include <cstdint>
#include <string_view>
#include <vector>

#include "../parameter.h"
#include "pickle.h"

namespace upconv::internal {

/// Whether a function of that name makes an array or a scalar.
bool makes_array(std::string_view function);

/// What it would make of `arguments` and `state`: a copy of the elements, in C's order and little-endian. Whatever is
/// no plain array of numbers has the reason in `unreadable`. What is copied is taken off `room`, in bytes; beyond it
/// nothing is.
Stored pickled_array(const Pickle& pickle, std::string_view function, const std::vector<Pickle::Ref>& arguments,
                     Pickle::Ref state, uint64_t& room);

}  // namespace upconv::internal
