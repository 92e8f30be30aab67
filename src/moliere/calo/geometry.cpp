// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pugixml.hpp>

namespace moliere::calo {
namespace fs = std::filesystem;
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  text = trimmed(text);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<double>> parse_edges(std::string_view text) {
  std::vector<double> edges;
  while (true) {
    const auto comma = text.find(',');
    const auto edge = parse_number<double>(text.substr(0, comma));
    if (!edge) return std::nullopt;
    edges.push_back(*edge);
    if (comma == std::string_view::npos) return edges;
    text.remove_prefix(comma + 1);
  }
}

void check_layer(const Layer& layer) {
  const auto fail = [&](std::string_view what, std::string_view why) {
    throw Error(fmt::format("layer {} of the geometry {}", layer.id, what), why,
                "correct the binning");
  };
  if (layer.r_edges.size() < 2) fail("has no ring", "a ring needs two r edges");
  if (layer.alpha_bins < 1) {
    fail(fmt::format("has {} sectors", layer.alpha_bins), "there is at least one: the whole turn");
  }
  if (!std::ranges::all_of(layer.r_edges, [](double edge) { return std::isfinite(edge); })) {
    fail("has an r edge that is no finite number", "cells have places");
  }
  if (layer.r_edges.front() < 0) fail("begins at a negative r", "r is a distance from the axis");
  if (std::ranges::adjacent_find(layer.r_edges, std::greater_equal<>{}) != layer.r_edges.end()) {
    fail("has r edges that do not rise", "each ring lies outside the one before");
  }
}

/// The Bin of a particle, or the only one.
pugi::xml_node choose_bin(const pugi::xml_document& document, std::string_view particle) {
  const pugi::xml_node root = document.child("Bins");
  if (!root) {
    throw Error("is no binning file", "its outermost element is not Bins",
                "give a file in the CaloChallenge's format (docs/formats/showers.md)");
  }
  std::vector<pugi::xml_node> chosen;
  std::vector<std::string> names;
  for (const pugi::xml_node bin : root.children("Bin")) {
    names.emplace_back(bin.attribute("name").as_string());
    if (particle.empty() || names.back() == particle) chosen.push_back(bin);
  }
  if (names.empty()) throw Error("has no Bin", "Bins is empty", "give a file with a Bin");
  if (chosen.empty()) {
    throw Error(fmt::format("has no Bin named {}", particle),
                fmt::format("its names are {}", fmt::join(names, ", ")), "choose one of these");
  }
  if (chosen.size() > 1) {
    throw Error(fmt::format("has {} Bins that fit", chosen.size()),
                fmt::format("their names are {}", fmt::join(names, ", ")),
                "choose one by its name (file.xml:name), or keep a single one in the file");
  }
  return chosen.front();
}

/// A Layer element; none where it has a single r edge, which stands for "absent".
std::optional<Layer> parse_layer(const pugi::xml_node& node) {
  const auto fail = [&](std::string_view what) {
    throw Error(fmt::format("has a Layer (id \"{}\") {}", node.attribute("id").as_string(), what),
                "the binning cannot be known",
                "correct it: id, r_edges (\"0,5,10\", mm) and n_bin_alpha are needed");
  };
  Layer layer;
  const auto id = parse_number<int>(node.attribute("id").as_string());
  if (!id) fail("whose id is not an integer");
  const auto edges = parse_edges(node.attribute("r_edges").as_string());
  if (!edges) fail("whose r_edges are not numbers with commas between them");
  if (edges->size() == 1) return std::nullopt;
  const auto sectors = parse_number<int>(node.attribute("n_bin_alpha").as_string());
  if (!sectors) fail("whose n_bin_alpha is not an integer");
  layer.id = *id;
  layer.r_edges = *edges;
  layer.alpha_bins = *sectors;
  return layer;
}

double parse_threshold(const pugi::xml_node& bin) {
  const pugi::xml_attribute attribute = bin.attribute("threshold");
  if (!attribute) return 0;
  const auto threshold = parse_number<double>(attribute.as_string());
  if (!threshold) {
    throw Error(fmt::format("has the threshold \"{}\"", attribute.as_string()),
                "it is not a number", "give it in MeV");
  }
  return *threshold;
}

Geometry parse_geometry(const fs::path& file, std::string_view particle, double threshold) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_file(file.c_str());
  if (parsed.status == pugi::status_file_not_found || parsed.status == pugi::status_io_error) {
    throw Error("cannot be read", parsed.description(), "check the path and its permissions");
  }
  if (!parsed) {
    throw Error("is not XML", fmt::format("{} at byte {}", parsed.description(), parsed.offset),
                "give a binning file, or the name of a built-in geometry");
  }
  const pugi::xml_node bin = choose_bin(document, particle);
  std::vector<Layer> layers;
  for (const pugi::xml_node node : bin.children("Layer")) {
    if (std::optional<Layer> layer = parse_layer(node)) layers.push_back(std::move(*layer));
  }
  return {file.stem().string(), bin.attribute("name").as_string(),
          threshold != 0 ? threshold : parse_threshold(bin), std::move(layers)};
}

}  // namespace

double Layer::alpha_centre(int alpha) const {
  return -std::numbers::pi + (alpha + 0.5) * 2 * std::numbers::pi / alpha_bins;
}

Geometry::Geometry(std::string name, std::string particle, double threshold,
                   std::vector<Layer> layers)
    : name_(std::move(name)),
      particle_(std::move(particle)),
      threshold_(threshold),
      layers_(std::move(layers)) {
  if (!std::isfinite(threshold_) || threshold_ < 0) {
    throw Error(fmt::format("the geometry has the threshold {} MeV", threshold_),
                "an energy that is read out is not negative", "give a threshold of at least 0");
  }
  if (layers_.empty()) {
    throw Error("the geometry has no layer with cells", "a shower needs voxels",
                "give r_edges with at least two edges");
  }
  std::vector<int> ids;
  std::int64_t voxels = 0;
  for (Layer& layer : layers_) {
    check_layer(layer);
    layer.first_voxel = static_cast<int>(voxels);
    voxels += static_cast<std::int64_t>(layer.r_bins()) * layer.alpha_bins;
    if (voxels > std::numeric_limits<int>::max()) {
      throw Error("the geometry has more than 2^31 - 1 voxels", "their indices are 32-bit integers",
                  "check n_bin_alpha");
    }
    ids.push_back(layer.id);
  }
  std::ranges::sort(ids);
  if (const auto twice = std::ranges::adjacent_find(ids); twice != ids.end()) {
    throw Error(fmt::format("the geometry has two layers {}", *twice), "an id names one layer",
                "give each layer its own id");
  }
  voxels_ = static_cast<int>(voxels);
}

int Geometry::index(Cell cell) const {
  const Layer& layer = layers_[static_cast<std::size_t>(cell.layer)];
  assert(cell.alpha >= 0 && cell.alpha < layer.alpha_bins);
  assert(cell.r >= 0 && cell.r < layer.r_bins());
  return layer.first_voxel + cell.alpha * layer.r_bins() + cell.r;
}

Cell Geometry::cell(int index) const {
  assert(index >= 0 && index < voxels_);
  const auto next = std::ranges::upper_bound(layers_, index, {}, &Layer::first_voxel);
  const Layer& layer = *(next - 1);
  const int within = index - layer.first_voxel;
  Cell cell;
  cell.layer = static_cast<int>(next - layers_.begin()) - 1;
  cell.alpha = within / layer.r_bins();
  cell.r = within % layer.r_bins();
  return cell;
}

int Geometry::alpha_symmetry() const {
  int divisor = 0;
  for (const Layer& layer : layers_) {
    if (layer.alpha_bins > 1) divisor = std::gcd(divisor, layer.alpha_bins);
  }
  return std::max(divisor, 1);
}

std::vector<int> Geometry::symmetry(int turns, bool reflected) const {
  const int steps = alpha_symmetry();
  const int turned = ((turns % steps) + steps) % steps;
  std::vector<int> permutation(static_cast<std::size_t>(voxels_));
  for (const Layer& layer : layers_) {
    // A layer of one sector maps onto itself: steps need not divide it.
    const int shift = layer.alpha_bins == 1 ? 0 : layer.alpha_bins / steps * turned;
    for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) {
      const int mirrored = reflected ? layer.alpha_bins - 1 - alpha : alpha;
      const int moved = (mirrored + shift) % layer.alpha_bins;
      const int from = layer.first_voxel + alpha * layer.r_bins();
      const int to = layer.first_voxel + moved * layer.r_bins();
      std::iota(permutation.begin() + from, permutation.begin() + from + layer.r_bins(), to);
    }
  }
  return permutation;
}

Geometry read_geometry(const fs::path& file, std::string_view particle, double threshold) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    throw Error(fmt::format("{} is a folder", file.string()), "a binning file is needed here",
                "give the path of an XML file");
  }
  try {
    return parse_geometry(file, particle, threshold);
  } catch (const Error& error) {
    throw error.about(file.string());
  }
}

Geometry find_geometry(std::string_view name_or_file) {
  const std::vector<std::string>& names = builtin_geometry_names();
  if (std::ranges::find(names, name_or_file) != names.end()) return builtin_geometry(name_or_file);
  constexpr std::string_view extension = ".xml";
  const auto is_file = [&](std::string_view name) {
    std::error_code ignored;
    return name.ends_with(extension) || fs::is_regular_file(fs::path(name), ignored);
  };
  if (is_file(name_or_file)) return read_geometry(fs::path(name_or_file));
  const auto colon = name_or_file.rfind(':');
  if (colon != std::string_view::npos && is_file(name_or_file.substr(0, colon))) {
    return read_geometry(fs::path(name_or_file.substr(0, colon)), name_or_file.substr(colon + 1));
  }
  return builtin_geometry(name_or_file);  // says which names there are
}

}  // namespace moliere::calo
