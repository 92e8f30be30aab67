// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/outcome.hpp"

#include <array>
#include <utility>

namespace moliere::bench {
namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 9> outcome_names{{
    {Outcome::measured, "measured"},
    {Outcome::not_supported, "not_supported"},
    {Outcome::not_available, "not_available"},
    {Outcome::failed, "failed"},
    {Outcome::crashed, "crashed"},
    {Outcome::timed_out, "timed_out"},
    {Outcome::out_of_memory, "out_of_memory"},
    {Outcome::protocol_error, "protocol_error"},
    {Outcome::interrupted, "interrupted"},
}};

}  // namespace

std::string_view to_string(Outcome outcome) {
  for (const auto& [candidate, name] : outcome_names) {
    if (candidate == outcome) return name;
  }
  return "unknown";
}

std::optional<Outcome> outcome_from_string(std::string_view name) {
  for (const auto& [outcome, candidate] : outcome_names) {
    if (candidate == name) return outcome;
  }
  return std::nullopt;
}

}  // namespace moliere::bench
