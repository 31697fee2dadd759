#pragma once
// Classes of machines, each with its costs, and which of them a machine is of.
#include "../../framework/processor.h"
#include "machine.h"

namespace upconv::internal {

/// What of a machine decides what an instruction set costs there, as far as CPUID tells. A choice depends on nothing
/// else of it, so that pictures have the same bits on all machines of a class.
struct MachineProperties {
  bool wide = false;           ///< vectors of AVX-512
  bool halves = false;         ///< vectors that are computed in halves
  bool own_additions = false;  ///< additions that have units of their own, beside those of multiply-adds
  bool operator==(const MachineProperties&) const = default;
};
MachineProperties properties_of(const Processor& processor, Isa isa);

/// Machines of equal properties, and what was fitted to those of them that were measured.
struct MachineClass {
  const char* name;
  MachineProperties properties;
  MachineCosts costs;
};

/// The entry with these properties, or, where no such machine was measured, what was fitted to all whose vectors are as
/// wide.
const MachineClass& class_of(const MachineProperties& properties);

/// Whether such a machine was measured, so that the entry is its own.
bool is_measured(const MachineProperties& properties);

/// Its costs, where vectors take what they take with these properties.
MachineCosts costs_of(const MachineProperties& properties);

}  // namespace upconv::internal
