// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/render.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/json.hpp"

#include <cmath>
#include <limits>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::page {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::string kNasty = "</script><img src=x onerror=\"alert('1')\"> & \xff ü 量";

Page page_of(std::vector<Item> items) {
  Section section;
  section.id = "one";
  section.title = "One";
  section.items = std::move(items);
  Page page;
  page.title = "Page";
  page.sections.push_back(std::move(section));
  return page;
}

Series line(std::string name, std::vector<double> x, std::vector<double> y) {
  Series series;
  series.name = std::move(name);
  series.x = std::move(x);
  series.y = std::move(y);
  return series;
}

Chart chart_of(std::vector<Series> series) {
  Chart chart;
  chart.title = "A chart";
  chart.x.label = "x";
  chart.x.unit = "GeV";
  chart.y.label = "y";
  chart.series = std::move(series);
  return chart;
}

HeatMapGrid grid_of(std::vector<double> values) {
  PolarMap map;
  map.name = "layer 0";
  map.r_edges = {0, 1, 2};
  map.alpha_bins = 2;
  map.values = std::move(values);
  HeatMapGrid grid;
  grid.title = "A grid";
  grid.maps.push_back(std::move(map));
  return grid;
}

MatrixMap matrix_of(std::vector<double> values) {
  MatrixMap matrix;
  matrix.title = "A matrix";
  matrix.rows = {"a", "b"};
  matrix.columns = {"c"};
  matrix.values = std::move(values);
  return matrix;
}

Page nasty_page() {
  Chart chart = chart_of({line(kNasty, {1, 2}, {3, 4})});
  chart.title = chart.note = chart.x.label = chart.y.unit = kNasty;
  chart.series[0].point_names = {kNasty, kNasty};
  HeatMapGrid grid = grid_of({1, 2, 3, 4});
  grid.title = grid.maps[0].name = grid.scale.label = grid.r_unit = kNasty;
  MatrixMap matrix = matrix_of({1, 2});
  matrix.title = matrix.rows[0] = matrix.columns[0] = kNasty;
  Table table;
  table.title = kNasty;
  table.columns = {{kNasty}};
  table.rows = {{{kNasty, CellClass::good, "https://a/?\"'<b>", kNasty}}};
  Notes notes;
  notes.paragraphs = {kNasty};
  Page page =
      page_of({chart, grid, matrix, table, notes, Download{kNasty, "a.csv", kNasty, kNasty}});
  page.title = page.subtitle = page.sections[0].title = kNasty;
  page.sections[0].text = {kNasty};
  return page;
}

/// What lies between the first `open` and the next `close`.
std::string between(const std::string& text, const std::string& open, const std::string& close) {
  const std::size_t from = text.find(open) + open.size();
  return text.substr(from, text.find(close, from) - from);
}

Json data_of(const std::string& html) {
  return Json::parse(between(html, "<script type=\"application/json\" id=\"data\">", "</script>"));
}

/// The page without its scripts and styles: what remains is markup.
std::string markup(const std::string& html) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t script = std::min(html.find("<script", at), html.find("<style", at));
    out += html.substr(at, script - at);
    if (script == std::string::npos) return out;
    const std::string close = html[script + 2] == 'c' ? "</script>" : "</style>";
    at = html.find(close, script) + close.size();
  }
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Render, EscapesAllText) {
  const std::string html = render(nasty_page());
  const std::string seen = markup(html);
  EXPECT_THAT(seen, Not(HasSubstr("<img")));
  EXPECT_THAT(seen, Not(HasSubstr("onerror=\"")));
  EXPECT_THAT(seen, Not(HasSubstr("\xff")));
  EXPECT_THAT(seen, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;"
                              "&gt; &amp; \xef\xbf\xbd ü 量"));
  EXPECT_EQ(count(html, "<script"), 4U) << "theme, data, Chart.js, page.js";
  EXPECT_EQ(count(html, "</script>"), 4U);
}

TEST(Render, DataSurvivesAnyName) {
  const Json data = data_of(render(nasty_page()));
  const std::string expected = "</script><img src=x onerror=\"alert('1')\"> & \xef\xbf\xbd ü 量";
  EXPECT_EQ(data.at("one-1").at("title"), expected);
  EXPECT_EQ(data.at("one-1").at("series")[0].at("names")[1], expected);
  EXPECT_EQ(data.at("one-2").at("maps")[0].at("name"), expected);
  EXPECT_EQ(data.at("one-3").at("rows")[0], expected);
  EXPECT_EQ(data.at("one-6").at("text"), expected);
}

TEST(Render, IsDeterministic) { EXPECT_EQ(render(nasty_page()), render(nasty_page())); }

TEST(Render, LoadsNothing) {
  const std::string seen = markup(render(nasty_page()));
  EXPECT_THAT(seen, HasSubstr("default-src 'none'"));
  const std::regex source(R"re((src|srcset|data|action)="?(https?:)?//)re");
  EXPECT_FALSE(std::regex_search(seen, source));
  EXPECT_EQ(count(seen, "<link "), 1U);
  EXPECT_THAT(seen, HasSubstr("<link rel=\"icon\" href=\"data:,\">"));
  EXPECT_THAT(between(render(nasty_page()), "<style>", "</style>"), Not(HasSubstr("url(")));
}

TEST(Render, IdsAreUnique) {
  Chart named = chart_of({line("a", {1}, {2})});
  named.id = "one-1";  // what the first item would be called
  const std::string seen =
      markup(render(page_of({chart_of({line("a", {1}, {2})}), named, matrix_of({1, 2}), Table{}})));
  const std::regex id(R"re(\sid="([^"]*)")re");
  std::multiset<std::string> ids;
  for (std::sregex_iterator it(seen.begin(), seen.end(), id), end; it != end; ++it) {
    ids.insert((*it)[1]);
  }
  EXPECT_EQ(ids.count("one-1"), 1U);
  for (const std::string& one : ids) EXPECT_EQ(ids.count(one), 1U) << one;
}

TEST(Render, WhatIsNoNumberIsNull) {
  Series series = line("a", {1, 2, 3}, {kNan, kInfinity, 5});
  series.lower = {1, -kInfinity, 4};
  series.upper = {1, 2, 7};
  const Json data =
      data_of(render(page_of({chart_of({series}), grid_of({1, kNan, -kInfinity, 0})})));
  const Json& one = data.at("one-1").at("series")[0];
  EXPECT_EQ(one.at("y"), Json::parse("[null, null, 5]"));
  EXPECT_EQ(one.at("down"), Json::parse("[null, null, 1]"));
  EXPECT_EQ(one.at("up"), Json::parse("[null, null, 2]"));
  EXPECT_EQ(data.at("one-2").at("maps")[0].at("values"), Json::parse("[1, null, null, 0]"));
}

TEST(Render, NumbersKeepTheirDigits) {
  const std::vector<double> values = {-0.0, 1.23456789e-7, -0.00123456, 100000, 123456, 6.02214e23,
                                      -1,   0.5,           1e-300};
  const Json data = data_of(render(page_of({chart_of({line("a", values, values)})})));
  const std::vector<double> x = data.at("one-1").at("series")[0].at("x");
  const std::vector<double> y = data.at("one-1").at("series")[0].at("y");
  ASSERT_EQ(y.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(x[i], values[i], 5e-7 * std::abs(values[i]));
    EXPECT_NEAR(y[i], values[i], 5e-5 * std::abs(values[i]));
  }
}

TEST(Render, EqualStepsAreWrittenOnce) {
  std::vector<double> edges;
  std::vector<double> factors;
  for (int i = 0; i <= 100; ++i) {
    edges.push_back(0.1 * i);
    factors.push_back(std::pow(10.0, 0.05 * i));
  }
  std::vector<double> uneven = edges;
  uneven[50] += 0.01;
  const std::vector<double> contents(100, 1.0);
  const Json data = data_of(render(
      page_of({chart_of({histogram("a", edges, contents), histogram("b", edges, contents),
                         histogram("c", factors, contents), histogram("d", uneven, contents)})})));
  const Json& series = data.at("one-1").at("series");
  EXPECT_EQ(series[0].at("x"), Json::parse(R"({"from": 0.0, "to": 10.0, "count": 101})"));
  EXPECT_EQ(series[1].at("x"), 0) << "the first list again";
  EXPECT_EQ(series[2].at("x").at("log"), true);
  EXPECT_EQ(series[3].at("x").size(), 101U);
}

TEST(Render, AChartSaysItsFiguresInASentence) {
  const std::string html = render(page_of({chart_of({line("a", {1, 2, 3}, {5, 0.25, kNan})})}));
  EXPECT_THAT(
      html, HasSubstr("aria-label=\"A chart: y over x [GeV]; a goes from 0.25 at 2 to 5 at 1.\""));
}

TEST(Render, ColoursFollowTheRole) {
  Series second = line("b", {1}, {2});
  second.colour = ColourRole::second;
  Series reference = line("r", {1}, {2});
  reference.colour = ColourRole::reference;
  Series muted = line("m", {1}, {2});
  muted.colour = ColourRole::muted;
  Chart chart = chart_of({reference, line("a", {1}, {2}), second, muted, line("c", {1}, {2})});
  chart.ratio = ratio_to(reference, std::vector<Series>{chart.series[4]});
  const Json data = data_of(render(page_of({chart})));
  std::vector<int> colours;
  for (const Json& one : data.at("one-1").at("series")) colours.push_back(one.at("colour"));
  EXPECT_THAT(colours, ElementsAre(0, 1, 2, -1, 2));
  EXPECT_EQ(data.at("one-1").at("ratio").at("series")[1].at("colour"), 2) << "as in the chart";
}

TEST(Render, ManyChartsCanBeSearched) {
  const Chart chart = chart_of({line("a", {1}, {2})});
  EXPECT_EQ(count(render(page_of(std::vector<Item>(12, chart))), "type=\"search\""), 0U);
  EXPECT_EQ(count(render(page_of(std::vector<Item>(13, chart))), "type=\"search\""), 1U);
}

TEST(Render, FourHundredHistogramsAreBelowThreeMegabytes) {
  std::vector<Item> items;
  std::vector<double> edges;
  for (int i = 0; i <= 100; ++i) edges.push_back(i / 7.0);
  for (int k = 0; k < 400; ++k) {
    std::vector<double> contents;
    std::vector<double> errors;
    for (int i = 0; i < 100; ++i) {
      contents.push_back(1.0 / (7 + 3 * i + k));
      errors.push_back(0.1 / (11 + i + k));
    }
    const Series reference = histogram("reference", edges, contents, errors);
    for (double& content : contents) content *= 1.0123456;
    const Series sample = histogram("sample", edges, contents, errors);
    Chart chart = chart_of({reference, sample});
    chart.ratio = ratio_to(reference, std::vector<Series>{sample});
    items.emplace_back(std::move(chart));
  }
  EXPECT_LT(render(page_of(std::move(items))).size(), 3'000'000U);
}

struct Wrong {
  std::string what;
  Item item;
};

class RenderRefuses : public testing::TestWithParam<Wrong> {};

TEST_P(RenderRefuses, WhatCannotBeDrawn) {
  EXPECT_THAT([] { render(page_of({GetParam().item})); },
              ThrowsMessage<Error>(
                  testing::AllOf(HasSubstr(GetParam().what), HasSubstr("section 'one', item 1"))));
}

Chart with_limits(double min, double max, bool log) {
  Chart chart = chart_of({line("a", {1}, {2})});
  chart.y.min = min;
  chart.y.max = max;
  chart.y.log = log;
  return chart;
}

Chart with_bounds(std::vector<double> lower, std::vector<double> upper) {
  Series series = line("a", {1, 2}, {2, 3});
  series.lower = std::move(lower);
  series.upper = std::move(upper);
  return chart_of({series});
}

Chart bars(std::vector<std::string> categories, std::vector<double> x, std::vector<double> y) {
  Series series = line("a", std::move(x), std::move(y));
  series.kind = SeriesKind::bars;
  Chart chart = chart_of({series});
  chart.x.categories = std::move(categories);
  return chart;
}

Chart ratio_with(Series series) {
  Chart chart = chart_of({});
  chart.ratio = RatioPanel{};
  chart.ratio->series.push_back(std::move(series));
  return chart;
}

Chart untitled() {
  Chart chart;
  return chart;
}

Table ragged() {
  Table table;
  table.columns = {{"a"}, {"b"}};
  table.rows = {{{"1"}}};
  return table;
}

Table linked(std::string link) {
  Table table;
  table.columns = {{"a"}};
  table.rows = {{{"1", CellClass::plain, std::move(link)}}};
  return table;
}

HeatMapGrid from(double first_edge) {
  HeatMapGrid grid = grid_of({1, 2, 3, 4});
  grid.maps[0].r_edges[0] = first_edge;
  return grid;
}

INSTANTIATE_TEST_SUITE_P(
    All, RenderRefuses,
    testing::Values(Wrong{"x values are 1 instead of 2", chart_of({line("a", {1}, {2, 3})})},
                    Wrong{"series 'in ratio'", ratio_with(line("in ratio", {1}, {2, 3}))},
                    Wrong{"lower bounds are 1", with_bounds({1}, {3, 4})},
                    Wrong{"upper bounds are 0", with_bounds({1, 2}, {})},
                    Wrong{"the limit 0", with_limits(0, 1, true)},
                    Wrong{"do not rise", with_limits(2, 1, false)},
                    Wrong{"bars stand on numbers", bars({}, {1}, {1})},
                    Wrong{"has x values", bars({"a"}, {1}, {1})},
                    Wrong{"y values are 1 instead of 2", bars({"a", "b"}, {}, {1})},
                    Wrong{"title is empty", untitled()},
                    Wrong{"values are 3 instead of 4", grid_of({1, 2, 3})},
                    Wrong{"r edges do not rise", from(1)},
                    Wrong{"first r edge is negative", from(-1)},
                    Wrong{"values are 1 instead of 2", matrix_of({1})},
                    Wrong{"cells of a row are 1 instead of 2", ragged()},
                    Wrong{"cannot be a link", linked("javascript:alert(1)")},
                    Wrong{"no file name", Download{"a", "../a.csv", "", ""}}));

TEST(Render, RefusesDeadLinksAndDoubleIds) {
  EXPECT_THAT([] { render(page_of({linked("#nowhere")})); },
              ThrowsMessage<Error>(HasSubstr("'#nowhere' leads nowhere")));
  Page twice = page_of({});
  twice.sections.push_back(twice.sections[0]);
  EXPECT_THAT([&] { render(twice); }, ThrowsMessage<Error>(HasSubstr("used twice")));
  twice.sections[1].id = "two words";
  EXPECT_THAT([&] { render(twice); }, ThrowsMessage<Error>(HasSubstr("cannot be an id")));
  EXPECT_NO_THROW(render(page_of({linked("#one"), linked("#top")})));
}

}  // namespace
}  // namespace moliere::page
