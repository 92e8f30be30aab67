// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace moliere::bench {

/// Time of a fixed piece of arithmetic that stays in registers [ns]: about 1 ms on processors of
/// today. Run between rounds it tells how the machine's speed wanders (clock, a neighbour on the
/// same core, a hypervisor), whatever the engines do.
double calibration_kernel_ns();

/// The work itself, `iterations` times over; the same on every machine. Returns a digest of all of
/// it, so that none can be left out.
std::uint64_t calibration_work(std::uint64_t iterations);

}  // namespace moliere::bench
