// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/shower_file.hpp"
#include "moliere/calo/shower_model.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::calo {

/// How incident energies are drawn [MeV].
class EnergySpectrum {
 public:
  /// Uniform in ln E between two energies. Throws Error unless 0 < low < high, both finite.
  static EnergySpectrum log_uniform(double low, double high);
  /// Each value equally likely; one value: a fixed energy. Throws Error when there is none, or one
  /// is not a finite number above 0.
  static EnergySpectrum discrete(std::vector<float> energies);
  /// "1000:100000" log-uniform, "256,512" discrete, "5000" fixed. Throws Error for another text.
  static EnergySpectrum parse(std::string_view text);

  /// Takes one number from the stream, whatever the spectrum.
  float draw(RandomStream& stream) const;
  /// "log-uniform 1000 to 100000 MeV", "256, 512 MeV, equally likely", "5000 MeV".
  std::string description() const;

 private:
  EnergySpectrum() = default;
  double low_ = 0;
  double high_ = 0;
  std::vector<float> energies_;  ///< empty: log-uniform
};

/// What is generated, and on how many threads.
struct GenerationOptions {
  std::int64_t count = 0;
  std::uint64_t seed = 1;
  std::uint64_t first = 0;  ///< number of the first shower within the seed's sequence
  int threads = 0;          ///< 0: all hardware threads
};

/// Showers first ... first + count - 1 of the seed's sequence, handed to `sink` in order and in
/// pieces of some 16 MiB. Shower i depends on (model, spectrum, seed, i) alone: the same bits for
/// any number of threads and any split of a run (between machines to libm's rounding).
/// Throws Error for a negative count, and whatever the sink or `progress` throws.
void generate_showers(const ShowerModel& model, const EnergySpectrum& spectrum,
                      const GenerationOptions& options, Progress& progress,
                      const std::function<void(const ShowerBatch&)>& sink);

}  // namespace moliere::calo
