// SPDX-License-Identifier: Apache-2.0
// page_sample FILE.html [HISTOGRAMS]: a page with items of all kinds, made of formulas; with a
// number, a page of so many histograms of 100 bins with ratio panels (the size a page may have).
#include "moliere/core/file.hpp"
#include "moliere/page/render.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <span>
#include <string>

#include <fmt/format.h>

namespace {
using namespace moliere::page;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> edges_between(double low, double high, int bins, bool log = false) {
  std::vector<double> out;
  for (int i = 0; i <= bins; ++i) {
    const double t = static_cast<double>(i) / bins;
    out.push_back(log ? low * std::pow(high / low, t) : low + (high - low) * t);
  }
  return out;
}

/// A wobble that differs from bin to bin, the same in every run.
double wobble(std::size_t bin, int seed) {
  return std::sin(static_cast<double>(bin) * 12.9898 + seed * 78.233);
}

Series gaussian(std::string name, const std::vector<double>& edges, double mean, double width,
                int seed, double events = 5000) {
  std::vector<double> contents;
  std::vector<double> errors;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    const double x = 0.5 * (edges[i] + edges[i + 1]);
    const double step = edges[i + 1] - edges[i];
    const double density = std::exp(-0.5 * std::pow((x - mean) / width, 2)) /
                           (width * std::sqrt(2 * std::numbers::pi));
    const double expected = events * density * step;
    const double count =
        std::max(0.0, std::round(expected + wobble(i, seed) * std::sqrt(expected)));
    contents.push_back(count / events / step);
    errors.push_back(std::sqrt(count) / events / step);
  }
  return histogram(std::move(name), edges, contents, errors);
}

Chart compared(std::string title, const std::vector<double>& edges, double mean, double width,
               int seed) {
  Chart chart;
  chart.title = std::move(title);
  chart.x.label = "energy";
  chart.x.unit = "MeV";
  chart.y.label = "density";
  Series reference = gaussian("Geant4", edges, mean, width, seed);
  reference.colour = ColourRole::reference;
  reference.filled = true;
  Series generated = gaussian("generated", edges, mean * 1.01, width * 1.03, seed + 1);
  chart.ratio = ratio_to(reference, std::vector<Series>{generated});
  chart.series = {reference, generated};
  return chart;
}

Chart energies() {
  Chart chart =
      compared("Total energy over incident energy", edges_between(0.5, 1.5, 50), 1, 0.08, 1);
  chart.x.label = "E_tot / E_inc";
  chart.x.unit = "";
  chart.note = "Bands: statistical uncertainty of each sample. S = 0.0041, floor 0.0049.";
  return chart;
}

Chart layer_energies() {
  Chart chart = compared("Energy of layer 10", edges_between(0.015, 4000, 39, true), 900, 400, 3);
  chart.x.log = true;
  chart.y.log = true;
  return chart;
}

Chart speed() {
  Chart chart;
  chart.title = "Time per event over batch";
  chart.x.label = "batch";
  chart.y.label = "time per event";
  chart.y.unit = "µs";
  chart.x.log = chart.y.log = true;
  chart.id = "speed";
  int k = 0;
  for (const char* name : {"sofie", "onnxruntime", "pytorch", "keras", "tensorrt", "reference C++",
                           "an engine with quite a long name", "eighth"}) {
    Series series;
    series.name = name;
    for (int batch = 1; batch <= 1024; batch *= 4) {
      const double time = 2.0 + k + 60.0 * (k + 1) / batch;
      series.x.push_back(batch);
      series.y.push_back(k == 2 && batch == 64 ? kNan : time);
      series.lower.push_back(time * 0.9);
      series.upper.push_back(time * 1.12);
    }
    chart.series.push_back(series);
    ++k;
  }
  return chart;
}

Chart roofline() {
  Chart chart;
  chart.title = "Roofline";
  chart.x.label = "arithmetic intensity";
  chart.x.unit = "FLOP/B";
  chart.y.label = "performance";
  chart.y.unit = "GFLOP/s";
  chart.x.log = chart.y.log = true;
  Series roof;
  roof.name = "roof";
  roof.colour = ColourRole::muted;
  roof.x = {0.1, 8, 100};
  roof.y = {1.2, 96, 96};
  Series points;
  points.name = "onnxruntime";
  points.kind = SeriesKind::points;
  points.x = {0.5, 2, 20};
  points.y = {4, 15, 60};
  points.lower = {3, 12, 50};
  points.upper = {5, 18, 70};
  points.point_names = {"fastsim_mlp", "gru </script>", "resnet \"18\" & more"};
  chart.series = {roof, points};
  return chart;
}

Chart models() {
  Chart chart;
  chart.title = "Engines per model";
  chart.x.categories = {"Linear_16",
                        "Linear_32",
                        "Conv_d100_L1_B1",
                        "Conv_d100_L14_B32",
                        "RecurrentNetwork_LSTM",
                        "higgs_model_dense"};
  chart.y.label = "time per event";
  chart.y.unit = "s";
  chart.y.log = true;
  int k = 0;
  for (const char* name : {"sofie", "onnxruntime", "pytorch"}) {
    Series series;
    series.name = name;
    series.kind = SeriesKind::bars;
    for (std::size_t i = 0; i < chart.x.categories.size(); ++i) {
      const double time = 1e-6 * (k + 1) * std::pow(5.0, static_cast<double>(i));
      series.y.push_back(time);
      series.lower.push_back(time * 0.8);
      series.upper.push_back(time * 1.2);
    }
    chart.series.push_back(series);
    ++k;
  }
  return chart;
}

Chart roc() {
  Chart chart;
  chart.title = "ROC";
  chart.x = {"false positive rate", "", false, 0.0, 1.0};
  chart.y = {"true positive rate", "", false, 0.0, 1.0};
  Series curve;
  curve.name = "classifier";
  for (int i = 0; i <= 200; ++i) {
    curve.x.push_back(i / 200.0);
    curve.y.push_back(std::pow(i / 200.0, 0.6));
  }
  Series diagonal;
  diagonal.name = "no better than chance";
  diagonal.colour = ColourRole::muted;
  diagonal.x = diagonal.y = {0, 1};
  chart.series = {diagonal, curve};
  return chart;
}

HeatMapGrid shower(std::string title, int layers) {
  HeatMapGrid grid;
  grid.title = std::move(title);
  grid.scale = {"mean energy", "MeV", true};
  for (int layer = 0; layer < layers; ++layer) {
    PolarMap map;
    map.name = fmt::format("layer {}", layer);
    map.r_edges = edges_between(0, 41.85, 9);
    map.alpha_bins = 16;
    for (int alpha = 0; alpha < 16; ++alpha) {
      for (int r = 0; r < 9; ++r) {
        const double depth = std::pow(layer + 1.0, 2) * std::exp(-0.25 * layer);
        const double energy = 20 * depth * std::exp(-0.9 * r) * (1 + 0.3 * std::cos(alpha * 0.39));
        map.values.push_back(layer > 20 && r > 6 ? 0 : energy);
      }
    }
    grid.maps.push_back(map);
  }
  return grid;
}

HeatMapGrid atlas_like() {
  HeatMapGrid grid;
  grid.title = "Event 17: 65.5 GeV photon";
  grid.scale = {"energy", "MeV", true};
  grid.radial = RadialScale::equal_rings;
  PolarMap strips;
  strips.name = "strips";
  strips.r_edges = {0, 2, 4, 6, 10, 25, 100, 600};
  strips.alpha_bins = 1;
  strips.values = {900, 500, 120, 80, 9, 2, 0};
  PolarMap middle = strips;
  middle.name = "middle";
  middle.alpha_bins = 10;
  middle.values.clear();
  for (int i = 0; i < 70; ++i) middle.values.push_back(i % 3 == 0 ? 0 : 3000.0 / (1 + i % 7 * 5));
  grid.maps = {strips, middle};
  return grid;
}

MatrixMap correlations(int count, bool diverging) {
  MatrixMap matrix;
  matrix.title = diverging ? "Correlation of layer energies" : "Who is taken for whom";
  matrix.diverging = diverging;
  matrix.scale.label = diverging ? "Pearson's r" : "fraction";
  for (int i = 0; i < count; ++i) {
    matrix.rows.push_back(fmt::format("{} {}", diverging ? "layer" : "generator", i));
    matrix.columns.push_back(matrix.rows.back());
    for (int k = 0; k < count; ++k)
      matrix.values.push_back(std::cos(0.12 * (i - k)) * (i == k ? 1 : 0.9));
  }
  if (diverging) matrix.values[3] = kNan;
  return matrix;
}

Section verdict() {
  Section section;
  section.id = "verdict";
  section.title = "Verdict";
  section.text = {
      "For one event at a time <sofie> answers first: 2.1 µs, 95 % interval [2.0, 2.3] µs, at 12 "
      "MiB. "
      "From batch 64 on onnxruntime is faster by a factor of 1.8 [1.7, 1.9]."};
  Table table;
  table.title = "Best engine per model & batch";
  table.columns = {{"model", Alignment::left}, {"sofie"}, {"onnxruntime"}, {"pytorch"}};
  table.rows = {{{"fastsim_mlp", CellClass::plain, "#speed"},
                 {"2.1 µs", CellClass::good, "", "±0.1 µs, 40 samples"},
                 {"3.3 µs"},
                 {"12 µs", CellClass::bad}},
                {{"a model \"with\" quotes", CellClass::plain, "https://example.org/?a=1&b='2'"},
                 {"NOT_SUPPORTED", CellClass::muted, "", "no operator Einsum"},
                 {"18 µs", CellClass::good},
                 {"21 µs"}}};
  section.items.emplace_back(table);
  Notes warning;
  warning.kind = Notes::Kind::warning;
  warning.paragraphs = {"Frequencies moved by 8 % during the run.", "Close what else runs."};
  section.items.emplace_back(warning);
  Notes note;
  note.paragraphs = {"A note with </script><script>alert(1)</script> and ünïcödé → 量子."};
  section.items.emplace_back(note);
  section.items.emplace_back(Download{"All figures", "figures.csv", "text/csv", "a,b\n1,2\n"});
  return section;
}

Chart odd(std::string title, std::vector<double> x, std::vector<double> y, bool log) {
  Chart chart;
  chart.title = std::move(title);
  chart.x.label = "x";
  chart.y.label = "y";
  chart.x.log = chart.y.log = log;
  Series series;
  series.name = "series";
  series.x = std::move(x);
  series.y = std::move(y);
  chart.series.push_back(std::move(series));
  return chart;
}

/// What a failed or empty measurement leaves.
Section odds() {
  Section section;
  section.id = "odds";
  section.title = "Empty and odd";
  section.items.emplace_back(odd("No values", {}, {}, false));
  section.items.emplace_back(odd("No numbers", {1, 2}, {kNan, kNan}, true));
  section.items.emplace_back(odd("One value", {5}, {0.3}, false));
  section.items.emplace_back(odd("One value, logarithmic", {5}, {0.3}, true));
  section.items.emplace_back(odd("Constant far from 0", {1, 2, 3}, {1e7, 1e7, 1e7}, false));
  section.items.emplace_back(odd("Negative", {-1, 0, 1}, {-1e-9, -3e-9, -2e-9}, false));
  section.items.emplace_back(odd("Many decades", {1, 1e6, 1e12}, {1e-30, 1, 1e30}, true));
  const std::vector<double> edges = edges_between(0, 1, 10);
  Chart empty;
  empty.title = "Empty histogram";
  empty.series = {
      histogram("reference", edges, std::vector<double>(10, 0.0), std::vector<double>(10, 0.0)),
      histogram("sample", edges, std::vector<double>(10, kNan), std::vector<double>(10, kNan))};
  empty.ratio = ratio_to(empty.series[0], std::span(empty.series).subspan(1));
  section.items.emplace_back(empty);
  HeatMapGrid dark = atlas_like();
  dark.title =
      "An event without energy and a name that is far too long for the little room it has here";
  for (PolarMap& map : dark.maps) map.values.assign(map.values.size(), 0.0);
  section.items.emplace_back(dark);
  return section;
}

Page sample() {
  Page page;
  page.title = "Sample </title> page";
  page.subtitle = "Items of all kinds, made of formulas";
  page.sections.push_back(verdict());
  Section charts;
  charts.id = "charts";
  charts.title = "Charts";
  for (Chart chart : {energies(), layer_energies(), speed(), roofline(), models(), roc()}) {
    charts.items.emplace_back(std::move(chart));
  }
  page.sections.push_back(charts);
  Section maps;
  maps.id = "maps";
  maps.title = "Average showers and events";
  maps.items.emplace_back(shower("Geant4, mean of 5000 showers", 45));
  maps.items.emplace_back(atlas_like());
  maps.items.emplace_back(correlations(45, true));
  maps.items.emplace_back(correlations(6, false));
  page.sections.push_back(maps);
  Section many;
  many.id = "layers";
  many.title = "Layer by layer";
  many.text = {"More than twelve charts: they can be searched."};
  for (int i = 0; i < 14; ++i) {
    many.items.emplace_back(compared(fmt::format("Energy of layer {}", i),
                                     edges_between(0, 100 * (i + 1), 40), 40.0 * (i + 1),
                                     12.0 * (i + 1), i));
  }
  page.sections.push_back(many);
  page.sections.push_back(odds());
  return page;
}

Page large(int histograms) {
  Page page;
  page.title = "Many histograms";
  Section section;
  section.id = "all";
  section.title = "All";
  for (int i = 0; i < histograms; ++i) {
    section.items.emplace_back(
        compared(fmt::format("Observable {}", i), edges_between(0, 100 + i, 100), 50, 15, i));
  }
  page.sections.push_back(section);
  return page;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: page_sample FILE.html [HISTOGRAMS]\n", stderr);
    return 2;
  }
  const Page page = argc > 2 ? large(std::atoi(argv[2])) : sample();
  moliere::write_atomically(argv[1], render(page));
  return 0;
}
