// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/result_file.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <csignal>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

worker::protocol::Measured slice(double median_ns) {
  worker::protocol::Measured result;
  result.calls = 30;
  result.samples = 3;
  result.wall_ns = static_cast<std::int64_t>(30 * median_ns);
  result.cpu_ns = result.wall_ns;
  result.min_ns = median_ns - 1;
  result.median_ns = median_ns;
  result.mean_ns = median_ns + 0.5;
  result.max_ns = median_ns + 3;
  result.kept_ns = {median_ns - 1, median_ns, median_ns + 3};
  result.threads = 2;
  return result;
}

/// `processes` starts of five rounds each, around `ns` with a little scatter.
Row measured_row(const std::string& name, double ns, std::size_t processes = 5) {
  Row row;
  row.engine = {name, {{"given", "1"}}, name + ":given=1"};
  row.version = "1.2";
  row.options = {{"given", "1"}, {"other", "default"}};
  row.route = "read directly";
  row.notes = {"a note"};
  row.verification = {Check::verified, 1e-6, 1e-4, 16, "y", ""};
  for (std::size_t p = 0; p < processes; ++p) {
    ProcessRecord process{.start_ns = 1000, .library_ns = 200, .prepared_from_cache = p > 0};
    process.clock_ns = 20.5;
    process.calls_per_sample = 10;
    for (std::size_t r = 0; r < 5; ++r) {
      process.slices.push_back(slice(ns + static_cast<double>((3 * p + 7 * r) % 5)));
    }
    row.processes.push_back(std::move(process));
  }
  return row;
}

Row failed_row() {
  Row row;
  row.engine = {"other", {}, "other"};
  row.outcome = Outcome::crashed;
  row.phase = "load";
  row.reason = "killed by signal 11 (Segmentation fault) \xc3\xa9";
  row.verification.error = std::numeric_limits<double>::infinity();
  return row;
}

ComparisonResult comparison(const std::string& model = "linear") {
  ComparisonResult result;
  result.description.model = model;
  result.description.batch = 16;
  result.description.threads = 2;
  result.description.flops = 1000;
  result.description.limit = Limit{.seconds = 1e-7, .bound_by_arithmetic = true, .level = "L2"};
  result.rows = {measured_row("fast", 1000), measured_row("slow", 1500), failed_row()};
  result.stopped_by = "precise";
  result.seconds = 1.5;
  result.input_sets = 16;
  result.calibration_ns = {1e6, 1.01e6};
  result.telemetry = TelemetryDelta{.seconds = 1.5, .busy_s = 1.25};
  derive_statistics(result, "fast:given=1");
  return result;
}

RunResult run() {
  RunResult result;
  result.moliere_version = "0.1.0";
  result.commit = "unknown";
  result.command = {"moliere", "bench", "linear"};
  result.started = "2025-01-01T00:00:00Z";
  result.seconds = 12;
  result.interrupted = true;
  result.baseline = "fast:given=1";
  result.machine.cpu_model = "made";
  result.comparisons = {comparison(), comparison("generator")};
  return result;
}

TEST(ResultJson, GoesThereAndBack) {
  const Json json = to_json(run());
  const RunResult read = run_from_json(Json::parse(json.dump()));
  EXPECT_EQ(to_json(read), json);
  EXPECT_TRUE(read.interrupted);
  ASSERT_THAT(read.comparisons, SizeIs(2));
  const ComparisonResult& first = read.comparisons[0];
  ASSERT_THAT(first.rows, SizeIs(3));
  EXPECT_EQ(first.rows[0].engine.label, "fast:given=1");
  EXPECT_EQ(first.rows[0].processes[4].slices[4].kept_ns, slice(1000).kept_ns);
  EXPECT_EQ(first.rows[2].outcome, Outcome::crashed);
  EXPECT_EQ(first.rows[2].reason, failed_row().reason);
  EXPECT_EQ(first.rows[2].verification.error, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(first.rows[2].statistics);
  ASSERT_TRUE(first.rows[0].statistics);
  EXPECT_NEAR(*first.rows[0].statistics->fraction_of_limit, 0.1, 0.001);
  ASSERT_THAT(first.pairs, SizeIs(1));
  EXPECT_NEAR(first.pairs[0].ratio.value, 1.5, 0.01);
  EXPECT_EQ(first.telemetry->busy_s, 1.25);
}

TEST(ResultJson, FiguresAreThoseOfTheSamples) {
  Json json = to_json(comparison());
  json["rows"][0]["statistics"]["call_ns"] = 1.0;  // someone improved the result
  EXPECT_GT(comparison_from_json(json).rows[0].statistics->call_ns.value, 900);
}

TEST(ResultJson, UnboundedIntervalsAreNull) {
  ComparisonResult result = comparison();
  result.rows = {measured_row("fast", 1000, 1), measured_row("slow", 1500, 1)};
  derive_statistics(result, "fast:given=1");
  const Json json = to_json(result);
  EXPECT_THAT(json.dump(), testing::Not(HasSubstr("inf")));
  EXPECT_EQ(to_json(comparison_from_json(Json::parse(json.dump()))), json);
}

TEST(ResultJson, RefusesOtherFormats) {
  const auto reading = [](Json json) { return [json = std::move(json)] { run_from_json(json); }; };
  const std::string lacks = "this is not a result file";
  for (const Json& json : {Json(), Json(3), Json::array(), Json::object(),
                           Json{{"format", "other"}}, Json{{"format", 3}}}) {
    EXPECT_THAT(reading(json), ThrowsMessage<Error>(HasSubstr(lacks))) << json;
  }
  Json json = to_json(run());
  json["version"] = 2;
  EXPECT_THAT(reading(json), ThrowsMessage<Error>(HasSubstr("version 2")));
  json["version"] = "1";
  EXPECT_THROW(reading(json)(), Error);
  json.erase("version");
  EXPECT_THROW(reading(json)(), Error);
}

/// Every field of `json`, taken away or made another type in turn, is an Error or harmless, and
/// never another exception.
void damage(const Json& whole, Json& part) {
  const auto attempt = [&] {
    try {
      run_from_json(whole);
    } catch (const Error&) {  // as it should be
    }
  };
  if (!part.is_structured()) return;
  for (auto& item : part) {
    const Json kept = item;
    for (const Json& other : {Json(), Json("word"), Json(-1), Json::array({1}), Json::object()}) {
      item = other;
      EXPECT_NO_THROW(attempt()) << kept.dump().substr(0, 80) << " became " << other;
    }
    item = kept;
    damage(whole, item);
  }
}

TEST(ResultJson, SurvivesDamageToAnyField) {
  RunResult small = run();
  small.comparisons.resize(1);
  small.comparisons[0].rows[0].processes.resize(1);
  small.comparisons[0].rows[0].processes[0].slices.resize(1);
  small.comparisons[0].rows.erase(small.comparisons[0].rows.begin() + 1);
  Json json = to_json(small);
  damage(json, json);
}

TEST(ResultJson, NamesTheFieldThatIsMissing) {
  Json json = to_json(run());
  json["comparisons"][0]["rows"][0].erase("outcome");
  EXPECT_THAT([&] { run_from_json(json); }, ThrowsMessage<Error>(HasSubstr("outcome")));
  json = to_json(run());
  json["comparisons"][0]["rows"][0]["outcome"] = "splendid";
  EXPECT_THAT([&] { run_from_json(json); }, ThrowsMessage<Error>(HasSubstr("damaged")));
}

/// Below this object no file can grow beyond `bytes`: as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

class ResultFile : public testing::Test {
 protected:
  Journal journal(const std::string& fingerprint, bool resume) {
    return Journal(file.string() + ".journal", fingerprint, resume);
  }
  std::string journal_text() const { return read_text(file.string() + ".journal"); }

  TemporaryDirectory folder{"moliere-results"};
  fs::path file = folder.path() / "result.json";
};

TEST_F(ResultFile, IsWrittenAndRead) {
  write_result(file, run());
  EXPECT_EQ(to_json(read_result(file)), to_json(run()));
}

TEST_F(ResultFile, CutOffFilesAreErrorsThatNameTheFile) {
  const std::string whole = to_json(run()).dump();
  for (std::size_t length = 0; length < whole.size(); length += whole.size() / 17) {
    std::ofstream(file) << whole.substr(0, length);
    EXPECT_THAT([&] { read_result(file); }, ThrowsMessage<Error>(HasSubstr("result.json")))
        << length;
  }
  EXPECT_THROW(read_result(folder.path() / "absent.json"), Error);
}

TEST_F(ResultFile, AFullDiskLeavesTheOldFile) {
  write_result(file, RunResult{});
  {
    const FullDisk full(2048);
    EXPECT_THROW(write_result(file, run()), Error);
  }
  EXPECT_THAT(read_result(file).comparisons, IsEmpty());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 1U) << "no temporary file is left";
}

TEST_F(ResultFile, JournalResumes) {
  {
    Journal first = journal("plan", false);
    first.append("a", comparison("a"));
    first.append("b", comparison("b"));
  }
  const Journal second = journal("plan", true);
  ASSERT_TRUE(second.find("b"));
  EXPECT_EQ(to_json(*second.find("b")), to_json(comparison("b")));
  EXPECT_FALSE(second.find("c"));
  EXPECT_FALSE(journal("plan", false).find("a")) << "begun anew";
}

TEST_F(ResultFile, JournalDropsALineThatWasCutOff) {
  {
    Journal first = journal("plan", false);
    first.append("a", comparison("a"));
    first.append("b", comparison("b"));
  }
  const std::string whole = journal_text();
  const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (const std::size_t cut : {last_line + 1, last_line + 300, whole.size() - 2}) {
    write_atomically(file.string() + ".journal", whole.substr(0, cut));
    Journal resumed = journal("plan", true);
    EXPECT_TRUE(resumed.find("a")) << cut;
    EXPECT_FALSE(resumed.find("b")) << cut;
    resumed.append("b", comparison("b"));
    EXPECT_EQ(journal_text(), whole);
  }
}

TEST_F(ResultFile, JournalOfAnotherRunIsAnError) {
  journal("plan", false).append("a", comparison("a"));
  const std::string before = journal_text();
  EXPECT_THAT([&] { journal("another plan", true); },
              ThrowsMessage<Error>(HasSubstr("another run")));
  EXPECT_EQ(journal_text(), before) << "nothing is lost";
  for (const char* bad : {"", "3\n", "[]\n", "no journal\n", "{\"fingerprint\": 3}\n"}) {
    write_atomically(file.string() + ".journal", bad);
    EXPECT_THROW(journal("plan", true), Error) << bad;
  }
  for (const char* bad : {"3\n", "{}\n", "{\"key\": \"a\", \"result\": {}}\n"}) {
    write_atomically(file.string() + ".journal", std::string("{\"fingerprint\":\"plan\"}\n") + bad);
    EXPECT_THROW(journal("plan", true), Error) << bad;
  }
}

TEST_F(ResultFile, JournalOnAFullDiskIsAnError) {
  Journal first = journal("plan", false);
  const FullDisk full(512);
  EXPECT_THAT([&] { first.append("a", comparison("a")); },
              ThrowsMessage<Error>(HasSubstr("File too large")));
}

TEST_F(ResultFile, JournalIsRemoved) {
  Journal first = journal("plan", false);
  EXPECT_TRUE(fs::exists(file.string() + ".journal"));
  first.remove();
  EXPECT_FALSE(fs::exists(file.string() + ".journal"));
}

TEST(Pairs, WrongAndFailedEnginesAreNotRanked) {
  ComparisonResult result = comparison();
  EXPECT_THAT(result.pairs, SizeIs(1));
  result.rows[1].verification.check = Check::wrong;
  derive_statistics(result, "fast:given=1");
  EXPECT_THAT(result.pairs, IsEmpty());
  EXPECT_TRUE(result.rows[1].statistics) << "its times are still told";
  derive_statistics(result, "slow:given=1");
  EXPECT_THAT(result.pairs, IsEmpty()) << "nor is a wrong one a baseline";
  derive_statistics(result, "no such label");
  EXPECT_THAT(result.pairs, IsEmpty());
}

TEST(RowStatistics, AreOfTheSamples) {
  ComparisonResult result;
  result.description.batch = 16;
  result.description.streams = 2;
  Row row = measured_row("a", 0, 0);
  row.processes.resize(2);
  for (ProcessRecord& process : row.processes) process.slices = {slice(1000), slice(1000)};
  row.processes[1].slices[1] = slice(2000);
  row.processes[1].slices[1].calls = 10;
  result.rows = {row};
  derive_statistics(result, "");
  const RowStatistics& found = *result.rows[0].statistics;
  EXPECT_EQ(found.calls, 100);
  EXPECT_EQ(found.minimum_ns, 999);
  EXPECT_DOUBLE_EQ(found.mean_ns, (90 * 1000.5 + 10 * 2000.5) / 100);
  EXPECT_EQ(found.samples.count, 12U);
  EXPECT_DOUBLE_EQ(found.time_per_event_ms, found.call_ns.value / 1e6 / 32);
  EXPECT_DOUBLE_EQ(found.events_per_s, 32e9 / found.call_ns.value);
  EXPECT_FALSE(found.fraction_of_limit);
}

}  // namespace
}  // namespace moliere::bench
