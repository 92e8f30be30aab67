// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/judge/event_display.hpp"
#include "moliere/page/page.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace moliere::judge {

/// One sample, to be looked at.
struct SampleView {
  std::filesystem::path file;
  calo::Attributes attributes;
  calo::Observables observables;
  /// The official histograms, in their order: of the sample as `reference` and as `sample` alike.
  std::vector<calo::Comparison> histograms;
  std::vector<EventDisplay> events;
};

/// Reads the file twice. `rows` are shown as single showers; empty: those of telling_rows().
/// Throws Error for rows that are not there, a file without showers, energies that are not numbers
/// or negative.
SampleView view_sample(const calo::ShowerReader& reader, const calo::Geometry& geometry,
                       const std::vector<std::int64_t>& rows, Progress& progress);

/// Response, layer energies and voxels, profiles, the mean shower and single ones.
page::Page sample_page(const SampleView& view, const calo::Geometry& geometry);

}  // namespace moliere::judge
