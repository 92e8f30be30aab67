// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/observables.hpp"

namespace moliere::calo {

/// The mean of E_tot / E_inc in two samples.
struct ResponseTest {
  double reference_mean = 0;
  double reference_error = 0;  ///< standard error
  double sample_mean = 0;
  double sample_error = 0;
  /// (sample mean - reference mean) over its standard error (Welch).
  double z = 0;
  /// The same from differences within ranges of incident energy, averaged with weights 1 /
  /// variance: the spread of the response with energy, and other draws of energies, do not blur it.
  double z_at_energy = 0;
  double shift_at_energy = 0;  ///< that averaged difference
};
/// `ranges`: of about equal numbers of showers; equal incident energies are never parted.
/// Throws Error for fewer than two showers of either.
ResponseTest test_response(const Observables& reference, const Observables& sample,
                           int ranges = 20);

}  // namespace moliere::calo
