// SPDX-License-Identifier: Apache-2.0
// The built program from outside: exit codes, messages, files.
#include "moliere/core/json.hpp"

#include <algorithm>
#include <cstdlib>

#include "apps/program.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using test::Outcome;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// The folder and the cache are those of all tests: the machine's limits are measured once.
class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = std::make_unique<TemporaryDirectory>("moliere-apps"); }
  static void TearDownTestSuite() { folder_.reset(); }
  void TearDown() override {
    EXPECT_TRUE(fs::is_empty(test::Program(folder()).temporary())) << "temporary files are left";
  }

  static const fs::path& folder() { return folder_->path(); }
  static Outcome moliere(const std::vector<std::string>& arguments) {
    return test::Program(folder()).run(arguments);
  }
  /// A short benchmark of the engine that does `cost_ns` steps of work.
  static Outcome bench(std::vector<std::string> more) {
    more.insert(more.begin(), {"bench", "Linear_event", "--budget", "1"});
    return moliere(more);
  }
  static std::string file(const std::string& name, const std::string& content) {
    write_atomically(folder() / name, content);
    return name;
  }
  /// What lies in the folder beside the test's own output and cache.
  static std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder())) {
      const std::string name = entry.path().filename();
      if (name != "stdout" && name != "stderr" && name != "cache" && name != "tmp")
        names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

 private:
  static inline std::unique_ptr<TemporaryDirectory> folder_;
};

TEST_F(Commands, HelpNamesSubcommandsAndExitCodes) {
  const Outcome help = moliere({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* word : {"bench", "verify", "compare", "models", "engines", "doctor",
                           "completion", "Exit codes: 0 success", "130 interrupted"}) {
    EXPECT_THAT(help.out, HasSubstr(word));
  }
  EXPECT_THAT(help.out, Not(HasSubstr("\n  reference ")));
  EXPECT_THAT(moliere({"--version"}).out, StartsWith("moliere "));
}

TEST_F(Commands, WrongCommandLinesEndWithTwo) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"dance"},
                                             {"bench"},
                                             {"bench", "Linear_event", "--no-such-option"},
                                             {"bench", "Linear_event", "--budget", "-1"},
                                             {"bench", "Linear_event", "--scenario", "server"},
                                             {"models"},
                                             {"models", "info", "Linear_event", "--batch", "x"},
                                             {"completion", "tcsh"}}) {
    const Outcome outcome = moliere(wrong);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, ContainsRegex("^moliere: .+ \\(.+\\) see moliere.* --help\n$"));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_LT(outcome.err.size(), 200U) << outcome.err;
  }
  EXPECT_THAT(moliere({"dance"}).err, HasSubstr("'dance' is no subcommand"));
  EXPECT_THAT(moliere({"models", "info"}).err, HasSubstr("see moliere models info --help"));
}

TEST_F(Commands, EverySubcommandHasHelp) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"bench"},
                                             {"verify"},
                                             {"compare"},
                                             {"models"},
                                             {"models", "list"},
                                             {"models", "info"},
                                             {"models", "export"},
                                             {"engines"},
                                             {"doctor"},
                                             {"completion"}}) {
    std::vector<std::string> words = command;
    words.emplace_back("--help");
    const Outcome help = moliere(words);
    EXPECT_EQ(help.code, 0) << command.back();
    EXPECT_THAT(help.out, HasSubstr(command.back()));
    EXPECT_THAT(help.err, IsEmpty());
  }
}

TEST_F(Commands, MistakesAreOneLineWithReasonAndAdvice) {
  const std::string text = file("text.onnx", "this is no model");
  ASSERT_EQ(moliere({"models", "export", "models", "Linear_event"}).code, 0);
  const std::string whole = read_text(folder() / "models" / "Linear_event.onnx");
  const std::string torn = file("torn.onnx", whole.substr(0, whole.size() / 2));
  const std::string empty = file("empty.onnx", "");
  const std::vector<std::string> before = files();
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"bench", "no_such_model"},
           {"bench", "@no_such_set"},
           {"bench", text},
           {"bench", torn},
           {"bench", empty},
           {"bench", "absent.onnx"},
           {"bench", text, "-e", "test", "-o", "of_nothing.json", "--csv", "of_nothing.csv"},
           {"verify", torn, "-e", "test", "-o", "of_nothing.json"},
           {"models", "export", text, "Linear_event"},
           {"models", "export", "nowhere", "no_such_model"},
           {"models", "info", torn},
           {"models", "info", "absent.onnx"},
           {"bench", "Linear_event", "-e", "no_such_engine"},
           {"bench", "Linear_event", "-e", "test", "--baseline", "reference"},
           {"bench", "Linear_event", "-e", "test", "--batch", "0"},
           {"bench", "Linear_event", "-e", "test", "--batch", "1,x"},
           {"bench", "Linear_event", "-e", "test", "--threads", "many"},
           {"bench", "Linear_event", "-e", "test", "--threads", ""},
           {"bench", "Linear_event", "-e", "test", "--device", ","},
           {"bench", "Linear_event", "-e", "test", "-o", "same", "--csv", "./same"},
           {"bench", "Linear_event", "-e", "test", "--dim", "N"},
           {"bench", "Linear_event", "-e", "test", "--memory-limit", "lots"},
           {"bench", "Linear_event", "-e", "test", "--resume"},
           {"bench", "Linear_event", "-e", "test", "--expected", "y.npy"},
           {"bench", "Linear_event", "-e", "test", "--input", "absent.npz"},
           {"bench", "Linear_event", "-e", "test", "--input-range", "x=1"},
           {"bench", "Linear_event", "-e", "test", "--once", "3", "--batch", "1,2"},
           {"compare", "absent.json", "absent.json"},
           {"compare", text, text}}) {
    const Outcome outcome = moliere(wrong);
    const std::string command = testing::PrintToString(wrong);
    EXPECT_EQ(outcome.code, 2) << command;
    EXPECT_THAT(outcome.err, ContainsRegex("^moliere: .+ \\(.+\\) .+\n$")) << command;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << command << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty()) << command;
  }
  EXPECT_EQ(files(), before) << "nothing may be half-written";
}

TEST_F(Commands, OutputsThatCannotBeWrittenAreFoundBeforeMeasuring) {
  file("plain", "a file");
  // What is replaced by a file would be gone: a device of the machine, run as root.
  ASSERT_EQ(::mkfifo((folder() / "pipe").c_str(), 0600), 0);
  for (const char* option : {"-o", "--csv"}) {
    for (const char* place : {"plain/below.json", "/proc/no/result.json", "cache", "pipe"}) {
      fs::create_directories(folder() / "cache");
      const Outcome outcome = bench({"-e", "test", option, place});
      EXPECT_EQ(outcome.code, 2) << option << place;
      EXPECT_THAT(outcome.err, HasSubstr("cannot write")) << option << place;
      EXPECT_THAT(outcome.out, IsEmpty()) << "it was measured first";
    }
  }
  EXPECT_EQ(moliere({"verify", "Linear_event", "-e", "test", "-o", "plain/below.json"}).code, 2);
  EXPECT_TRUE(fs::is_fifo(folder() / "pipe"));
  for (const std::string& name : files()) EXPECT_THAT(name, Not(StartsWith("."))) << "left over";
}

TEST_F(Commands, OneBadModelOfManyIsALine) {
  const std::string bad = file("bad.onnx", "this is no model");
  const Outcome run = bench({bad, "-e", "test", "-o", "both.json"});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("Linear_event"), HasSubstr("bad.onnx: this is not an")));
  EXPECT_EQ(Json::parse(read_text(folder() / "both.json")).at("comparisons").size(), 2U);
}

TEST_F(Commands, AResultFileHoldsTheRunAndComparesWithItself) {
  const Outcome run =
      bench({"-e", "test:cost_ns=20000", "-e", "reference", "-o", "a.json", "--csv", "a.csv"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("Linear_event"), HasSubstr("time/evt(ms)"),
                             HasSubstr("baseline"), HasSubstr("result file: a.json")));
  EXPECT_FALSE(fs::exists(folder() / "a.json.journal"));
  for (const std::string& name : files()) EXPECT_THAT(name, Not(StartsWith("."))) << "left over";

  const Json json = Json::parse(read_text(folder() / "a.json"));
  ASSERT_EQ(json.at("comparisons").size(), 1U);
  EXPECT_EQ(json.at("comparisons")[0].at("rows").size(), 2U);
  const std::string csv = read_text(folder() / "a.csv");
  EXPECT_EQ(std::ranges::count(csv, '\n'), 3);  // header and two rows

  Json elsewhere = json;
  elsewhere.at("machine").at("cpu_model") = "Another processor";
  write_atomically(folder() / "elsewhere.json", elsewhere.dump());
  const Outcome refused = moliere({"compare", "a.json", "elsewhere.json"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(std::ranges::count(refused.err, '\n'), 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("Another processor"));
  EXPECT_EQ(moliere({"compare", "a.json", "elsewhere.json", "--force"}).code, 0);

  const Outcome same = moliere({"compare", "a.json", "a.json"});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, Not(HasSubstr("slower")));
}

/// Multiplies every time of the samples; verdicts are formed from them anew.
void scale_times(Json& json, double factor) {
  if (json.is_object()) {
    for (const char* key : {"min_ns", "median_ns", "mean_ns", "max_ns"}) {
      if (json.contains(key)) json[key] = json[key].get<double>() * factor;
    }
  }
  if (json.is_structured()) {
    for (Json& part : json) scale_times(part, factor);
  }
}

TEST_F(Commands, CompareEndsWithThreeWhereSomethingBecameSlower) {
  const Outcome run = bench({"-e", "test:cost_ns=20000", "-o", "fast.json"});
  ASSERT_EQ(run.code, 0) << run.err;
  Json json = Json::parse(read_text(folder() / "fast.json"));
  for (Json& comparison : json.at("comparisons")) scale_times(comparison.at("rows"), 3.0);
  write_atomically(folder() / "slow.json", json.dump());
  const Outcome slower = moliere({"compare", "fast.json", "slow.json"});
  EXPECT_EQ(slower.code, 3) << slower.out << slower.err;
  EXPECT_THAT(slower.out, HasSubstr("slower"));
  const Outcome faster = moliere({"compare", "slow.json", "fast.json"});
  EXPECT_EQ(faster.code, 0) << faster.out << faster.err;
  EXPECT_THAT(faster.out, HasSubstr("faster"));
}

TEST_F(Commands, WrongAndBrokenEnginesAreRowsAndEndWithOne) {
  const Outcome wrong = bench({"-e", "test:behaviour=wrong", "-e", "test"});
  EXPECT_EQ(wrong.code, 1) << wrong.err;
  EXPECT_THAT(wrong.out, HasSubstr("WRONG"));
  const Outcome crash = bench({"-e", "test:behaviour=crash", "-e", "test"});
  EXPECT_EQ(crash.code, 1) << crash.err;
  EXPECT_THAT(crash.out, AllOf(HasSubstr("crash"), HasSubstr("time/evt(ms)")));
}

TEST_F(Commands, VerifySaysWhichOutputsAreRight) {
  const Outcome good = moliere({"verify", "Linear_event", "-e", "test"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("verified"));
  const Outcome wrong = moliere({"verify", "Linear_event", "-e", "test:behaviour=wrong_later"});
  EXPECT_EQ(wrong.code, 1) << wrong.out;
}

TEST_F(Commands, OnceRunsExactlySoMany) {
  const Outcome once = bench({"-e", "test", "--once", "7"});
  EXPECT_EQ(once.code, 0) << once.err;
  EXPECT_THAT(once.out, AllOf(HasSubstr("7 inferences of Linear_event"), HasSubstr("\n7 calls")));
}

TEST_F(Commands, ModelsAreListedDescribedAndWritten) {
  EXPECT_THAT(moliere({"models", "list"}).out,
              AllOf(HasSubstr("higgs_model_dense"), HasSubstr("fastsim_mlp")));
  const Outcome info = moliere({"models", "info", "fastsim_mlp", "--batch", "4"});
  EXPECT_EQ(info.code, 0) << info.err;
  EXPECT_THAT(info.out, AllOf(HasSubstr("parameters"), HasSubstr("FLOP")));
  EXPECT_THAT(moliere({"models", "info", "fastsim_mlp", "--ops"}).out, HasSubstr("Sigmoid"));

  const Json json = Json::parse(
      moliere({"models", "info", "fastsim_mlp", "--batch", "4", "--json", "--ops"}).out);
  EXPECT_EQ(json.at("inputs")[0].at("shape")[0], 4);
  EXPECT_GT(json.at("cost").at("flops").get<double>(), 1e6);
  EXPECT_FALSE(json.at("nodes").empty());

  const Outcome written = moliere({"models", "export", "written", "Linear_16"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(moliere({"models", "info", "written/Linear_16.onnx"}).code, 0);
}

TEST_F(Commands, EnginesAndDoctorAnswer) {
  const Outcome engines = moliere({"engines"});
  EXPECT_EQ(engines.code, 0) << engines.err;
  EXPECT_THAT(engines.out, AllOf(HasSubstr("reference"), HasSubstr("available, version")));
  EXPECT_EQ(moliere({"doctor"}).code, 0);
}

TEST_F(Commands, ABrokenManifestIsShownAndLeavesTheOthers) {
  write_atomically(folder() / "more" / "torn" / "engine.json", "{");
  test::Program program(folder());
  program.environment["MOLIERE_ENGINE_PATH"] = (folder() / "more").string();
  const Outcome engines = program.run({"engines"});
  EXPECT_EQ(engines.code, 0) << engines.err;
  EXPECT_THAT(engines.out, AllOf(HasSubstr("torn\n  not_available: "), HasSubstr("reference")));
}

TEST_F(Commands, BashCompletes) {
  const Outcome script = moliere({"completion", "bash"});
  ASSERT_EQ(script.code, 0);
  file("completion.bash", script.out);
  const auto completed = [&](const std::string& words, int position) {
    const std::string command = "cd " + folder().string() +
                                " && bash -euc 'source completion.bash; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(position) +
                                "; _moliere; printf \"%s\\n\" \"${COMPREPLY[@]}\"' > completed";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return read_text(folder() / "completed");
  };
  EXPECT_EQ(completed("moliere be", 1), "bench\n");
  EXPECT_EQ(completed("moliere bench higgs", 2), "higgs_model_dense\n");
  EXPECT_EQ(completed("moliere models inf", 2), "info\n");
  EXPECT_EQ(completed("moliere bench x --bud", 3), "--budget\n");
  EXPECT_EQ(completed("moliere showers split --pa", 3), "--parts\n");
  EXPECT_THAT(moliere({"completion", "zsh"}).out, StartsWith("autoload"));
  EXPECT_THAT(moliere({"completion", "fish"}).out, HasSubstr("complete -c moliere"));
}

}  // namespace
}  // namespace moliere
