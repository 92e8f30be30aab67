// SPDX-License-Identifier: Apache-2.0
// `moliere-flow classify` from outside: its answers, and what it says of wrong input.
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "apps/program.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using calo::ShowerBatch;
using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using Words = std::vector<std::string>;

class Classify : public testing::Test {
 protected:
  void SetUp() override {
    program.binary.replace_filename("moliere-flow");
    if (!fs::exists(program.binary)) GTEST_SKIP() << "moliere-flow was not built";
    write("first.h5", rows(0, 150));
    write("second.h5", rows(150, 300));
    write("hotter.h5", hotter(rows(300, 450)));
  }

  static ShowerBatch rows(std::int64_t first, std::int64_t last) {
    const fs::path sample =
        fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers" / "photons_ds1_sample.h5";
    return calo::ShowerReader(sample).read(first, last - first);
  }
  /// Ten times the energy in every voxel: what no network can overlook.
  static ShowerBatch hotter(ShowerBatch batch) {
    for (float& energy : batch.energies) energy *= 10;
    return batch;
  }
  void write(const std::string& name, const ShowerBatch& batch) {
    calo::ShowerWriter writer(folder.path() / name, batch.voxels, {}, {});
    writer.append(batch);
    writer.finish();
  }

  /// With settings that train in a second, the same to the last bit each time.
  Outcome classify(const Words& arguments) {
    const std::vector<std::pair<std::string, std::string>> settings{
        {"-g", "ds1-photons"}, {"--features", "high"}, {"--epochs", "15"},
        {"--hidden", "256"},   {"--batch", "10"},      {"--seeds", "2"},
        {"--device", "cpu"},   {"--threads", "1"},     {"--precision", "float32"}};
    Words words{"classify"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    for (const auto& [option, value] : settings) {
      if (std::ranges::find(arguments, option) == arguments.end()) {
        words.insert(words.end(), {option, value});
      }
    }
    return program.run(words);
  }
  Json answer(Words arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = classify(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return Json::parse(outcome.out);
  }

  TemporaryDirectory folder{"moliere-test"};
  test::Program program{folder.path()};
};

TEST_F(Classify, TheAnswerHoldsInputSettingsAndEveryRun) {
  const Json json = answer({"first.h5", "hotter.h5", "-o", "answer.json"});
  EXPECT_EQ(read_json(folder.path() / "answer.json"), json) << "the file and what is printed";
  EXPECT_EQ(json.at("format"), "moliere-classify");
  EXPECT_EQ(json.at("version"), 1);
  EXPECT_EQ(json.at("reference"), "first.h5");
  EXPECT_EQ(json.at("generated").at(0), "hotter.h5");
  EXPECT_EQ(json.at("features"), "high");
  EXPECT_EQ(json.at("settings").at("epochs"), 15);
  EXPECT_EQ(json.at("settings").at("precision"), "float32");
  EXPECT_EQ(json.at("counts").at("train"), 90);
  // 30 features, three hidden layers of 256.
  EXPECT_EQ(json.at("parameters"), 30 * 256 + 256 + 2 * (256 * 256 + 256) + 256 + 1);
  ASSERT_THAT(json.at("runs"), SizeIs(2));
  EXPECT_EQ(json.at("runs").at(0).at("seed"), 1);
  EXPECT_EQ(json.at("runs").at(1).at("seed"), 2);
  const double first = json.at("runs").at(0).at("auc");
  const double second = json.at("runs").at(1).at("auc");
  EXPECT_NEAR(json.at("auc").at("mean").get<double>(), (first + second) / 2, 1e-12);
  // 30 showers of each sample are reported: an AUC of one half would scatter by 0.075 a run.
  EXPECT_GT(json.at("auc").at("mean").get<double>(), 0.85) << "ten times the energy is seen";
  EXPECT_EQ(json.at("roc").at("false_positive_rate").back(), 1);
  EXPECT_EQ(json.at("roc").at("true_positive_rate").back(), 1);
}

TEST_F(Classify, OneSeedOnOneThreadIsOneAnswer) {
  const auto runs = [&] {
    Json json = answer({"first.h5", "second.h5"}).at("runs");
    for (Json& run : json) run.erase("seconds");
    return json;
  };
  EXPECT_EQ(runs(), runs());
}

TEST_F(Classify, TheTableIsForReaders) {
  const Outcome outcome = classify({"first.h5", "second.h5"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("of each sample 90 train, 30 select and calibrate, 30 are "));
  EXPECT_THAT(outcome.out, HasSubstr("(mean and standard deviation of 2 trainings"));
}

TEST_F(Classify, OfSeveralGeneratorsTheNearestIsFound) {
  const Json json = answer({"first.h5", "hotter.h5", "second.h5"});
  ASSERT_THAT(json.at("generators"), SizeIs(2));
  EXPECT_EQ(json.at("generators").at(1).at("name"), "second.h5");
  const auto log = [&](int k) {
    return json.at("generators").at(k).at("mean_log_posterior").at("mean").get<double>();
  };
  EXPECT_GT(log(1), log(0));
  const Outcome table = classify({"first.h5", "hotter.h5", "second.h5"});
  EXPECT_THAT(table.out, HasSubstr("highest: nearest"));
}

TEST_F(Classify, ATrainingMakesItAskWhatWasKept) {
  const Json json = answer({"first.h5", "second.h5", "--train", "hotter.h5"});
  EXPECT_EQ(json.at("train"), "hotter.h5");
  ASSERT_THAT(json.at("runs"), SizeIs(2));
  for (const char* key : {"auc", "auc_error", "share_learnt", "training_accuracy"}) {
    EXPECT_TRUE(json.at("runs").at(0).at(key).is_number()) << key;
  }
}

struct WrongInput {
  std::string name;
  Words arguments;
  std::string message;
};
class WrongClassify : public Classify, public testing::WithParamInterface<WrongInput> {};
INSTANTIATE_TEST_SUITE_P(
    Inputs, WrongClassify,
    testing::Values(
        WrongInput{"Absent", {"first.h5", "absent.h5"}, "absent.h5"},
        WrongInput{"Text", {"first.h5", "text.h5"}, "text.h5"},
        WrongInput{"OtherWidth", {"first.h5", "second.h5", "-g", "ds2"}, "first.h5"},
        WrongInput{"NoSuchGeometry", {"first.h5", "second.h5", "-g", "ds9"}, "ds9"},
        WrongInput{"TooFew", {"first.h5", "few.h5"}, "has 49 showers"},
        WrongInput{"NotANumber", {"first.h5", "nan.h5"}, "of shower 17"},
        WrongInput{"NoSuchFeatures", {"first.h5", "second.h5", "--features", "all"}, "'all'"},
        WrongInput{"NoImage", {"first.h5", "second.h5", "--features", "cnn"}, "are no image"},
        WrongInput{"TooFewForOfficial", {"first.h5", "second.h5", "--split", "official"}, "121000"},
        WrongInput{"NoSuchDevice", {"first.h5", "second.h5", "--device", "tpu"}, "'tpu'"},
        WrongInput{"AbsentDevice", {"first.h5", "second.h5", "--device", "cuda:99"}, "not there"},
        WrongInput{"TrainingOfSeveral",
                   {"first.h5", "second.h5", "hotter.h5", "--train", "first.h5"},
                   "one by one"},
        WrongInput{"NoGenerated", {"first.h5"}, "see moliere-flow classify --help"},
        WrongInput{"NoEpochs", {"first.h5", "second.h5", "--epochs", "0"}, "--help"}),
    [](const auto& test) { return test.param.name; });

TEST_P(WrongClassify, IsOneLineThatSaysWhatAndWhatToDo) {
  write_atomically(folder.path() / "text.h5", "no showers");
  write("few.h5", rows(0, 49));
  ShowerBatch damaged = rows(0, 100);
  damaged.energies[17 * 368 + 5] = std::numeric_limits<float>::quiet_NaN();
  write("nan.h5", damaged);
  Words arguments = GetParam().arguments;
  arguments.insert(arguments.end(), {"-o", "made/answer.json"});
  const Outcome outcome = classify(arguments);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, MatchesRegex("moliere-flow: [^\n]* \\([^\n]*\\) [^\n]*\n"));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
  EXPECT_FALSE(fs::exists(folder.path() / "made"));
}

TEST_F(Classify, AnInputIsNoOutput) {
  const std::string before = read_text(folder.path() / "second.h5");
  for (const Words& words : {Words{"first.h5", "second.h5", "-o", "second.h5"},
                             Words{"second.h5", "first.h5", "-o", "./second.h5"},
                             Words{"first.h5", "hotter.h5", "--train", "second.h5", "-o",
                                   (folder.path() / "second.h5").string()}}) {
    const Outcome outcome = classify(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("is input and output"));
  }
  EXPECT_EQ(read_text(folder.path() / "second.h5"), before);
}

TEST_F(Classify, HelpIsNoError) {
  const Outcome outcome = program.run({"classify", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("which of them is nearest to REF"));
}

}  // namespace
}  // namespace moliere
