// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/event_display.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace moliere::judge {

EventDisplay read_event(const calo::ShowerReader& reader, std::int64_t row,
                        const std::string& sample) {
  constexpr double mev_per_gev = 1000;
  calo::ShowerBatch batch = reader.read(row, 1);
  EventDisplay event;
  event.title = fmt::format("{}row {}, {:.3g} GeV", sample.empty() ? "" : sample + ", ", row,
                            static_cast<double>(batch.incident_energies[0]) / mev_per_gev);
  event.energies = std::move(batch.energies);
  return event;
}

std::vector<std::int64_t> telling_rows(const calo::ShowerReader& reader) {
  constexpr std::int64_t looked_at = 200;
  const calo::ShowerBatch batch = reader.read(0, std::min(reader.size(), looked_at));
  std::vector<std::int64_t> order(static_cast<std::size_t>(batch.size()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t row) {
    return batch.incident_energies[static_cast<std::size_t>(row)];
  });
  std::vector<std::int64_t> rows;
  for (const std::int64_t row : {order.front(), order[order.size() / 2], order.back()}) {
    if (std::ranges::find(rows, row) == rows.end()) rows.push_back(row);
  }
  return rows;
}

}  // namespace moliere::judge
