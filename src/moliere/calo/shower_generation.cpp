// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_generation.hpp"

#include "moliere/calo/parallel.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::calo {
namespace {

void check_energy(double energy) {
  if (std::isfinite(energy) && energy > 0) return;
  throw Error(fmt::format("an incident energy of {} MeV", energy),
              "a particle has a finite energy above 0", "choose another energy");
}

double parse_energy(std::string_view text) {
  double energy = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), energy);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw Error(fmt::format("\"{}\" is no energy", text), "a number of MeV is expected",
                "write 1000:100000 (log-uniform), 256,512 (a choice) or 5000 (fixed)");
  }
  return energy;
}

}  // namespace

EnergySpectrum EnergySpectrum::log_uniform(double low, double high) {
  check_energy(low);
  check_energy(high);
  if (!(low < high)) {
    throw Error(fmt::format("energies from {} to {} MeV", low, high), "the range holds none",
                "give the lower energy first");
  }
  EnergySpectrum spectrum;
  spectrum.low_ = low;
  spectrum.high_ = high;
  return spectrum;
}

EnergySpectrum EnergySpectrum::discrete(std::vector<float> energies) {
  if (energies.empty()) {
    throw Error("there is no incident energy", "each shower has one", "give at least one");
  }
  for (const float energy : energies) check_energy(energy);
  EnergySpectrum spectrum;
  spectrum.energies_ = std::move(energies);
  return spectrum;
}

EnergySpectrum EnergySpectrum::parse(std::string_view text) {
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    return log_uniform(parse_energy(text.substr(0, colon)), parse_energy(text.substr(colon + 1)));
  }
  std::vector<float> energies;
  while (true) {
    const auto comma = text.find(',');
    energies.push_back(static_cast<float>(parse_energy(text.substr(0, comma))));
    if (comma == std::string_view::npos) return discrete(std::move(energies));
    text.remove_prefix(comma + 1);
  }
}

float EnergySpectrum::draw(RandomStream& stream) const {
  const double u = stream.uniform();
  if (energies_.empty()) return static_cast<float>(low_ * std::pow(high_ / low_, u));
  const auto index = static_cast<std::size_t>(u * static_cast<double>(energies_.size()));
  return energies_[std::min(index, energies_.size() - 1)];
}

std::string EnergySpectrum::description() const {
  if (energies_.empty()) return fmt::format("log-uniform {} to {} MeV", low_, high_);
  return fmt::format("{} MeV{}", fmt::join(energies_, ", "),
                     energies_.size() > 1 ? ", equally likely" : "");
}

void generate_showers(const ShowerModel& model, const EnergySpectrum& spectrum,
                      const GenerationOptions& options, Progress& progress,
                      const std::function<void(const ShowerBatch&)>& sink) {
  if (options.count < 0) {
    throw Error(fmt::format("{} showers", options.count), "their number is at least 0",
                "choose another number");
  }
  constexpr std::int64_t piece = 1 << 22;  // floats: 16 MiB
  const int voxels = model.geometry().voxel_count();
  const std::int64_t rows = std::max<std::int64_t>(1, piece / voxels);
  ShowerBatch batch;
  batch.voxels = voxels;
  for (std::int64_t done = 0; done < options.count; done += batch.size()) {
    progress.update(static_cast<double>(done), static_cast<double>(options.count), "generating");
    const auto size = static_cast<std::size_t>(std::min(rows, options.count - done));
    batch.incident_energies.resize(size);
    batch.energies.resize(size * static_cast<std::size_t>(voxels));
    for_each_task(size, options.threads, [&](std::size_t row, std::size_t) {
      RandomStream stream(options.seed, options.first + static_cast<std::uint64_t>(done) + row);
      const float energy = spectrum.draw(stream);
      batch.incident_energies[row] = energy;
      model.generate(energy, stream, batch.shower(static_cast<std::int64_t>(row)));
    });
    sink(batch);
  }
  progress.update(1, 1, "generating");
}

}  // namespace moliere::calo
