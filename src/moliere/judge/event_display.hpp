// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/shower_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace moliere::judge {

/// A shower of a file, for a picture.
struct EventDisplay {
  std::string title;            ///< "reference, row 17, 42.1 GeV"
  std::vector<float> energies;  ///< (V) [MeV]
};

/// `sample` begins the title; empty: the row does. Throws Error for a row that is not there.
EventDisplay read_event(const calo::ShowerReader& reader, std::int64_t row,
                        const std::string& sample);

/// Rows of the least, the middle and the largest incident energy among the first 200 of a file
/// that is not empty; each once.
std::vector<std::int64_t> telling_rows(const calo::ShowerReader& reader);

}  // namespace moliere::judge
