// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/engine_registry.hpp"

#include "moliere/bench/exchange.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class Registry : public testing::Test {
 protected:
  /// Writes engines/<folder>/engine.json below a folder of its own.
  fs::path manifest(const std::string& folder, const std::string& text) {
    const fs::path file = root.path() / folder / "engine.json";
    write_atomically(file, text);
    return file;
  }

  TemporaryDirectory root{"moliere-registry"};
};

TEST_F(Registry, ReadsAManifest) {
  const EngineManifest read = read_manifest(manifest("a", R"({
    "name": "a", "description": "one line", "protocol": 1,
    "command": ["./worker", "--fast", "../share/table"],
    "environment": {"OMP_NUM_THREADS": "{threads}"}, "setup": "scripts/setup a", "in_all": false
  })"));
  EXPECT_EQ(read.name, "a");
  EXPECT_EQ(read.description, "one line");
  EXPECT_EQ(read.protocol, 1);
  const fs::path folder = fs::weakly_canonical(root.path());
  EXPECT_THAT(read.command, ElementsAre((folder / "a/worker").string(), "--fast",
                                        (folder / "share/table").string()));
  EXPECT_EQ(read.environment.at("OMP_NUM_THREADS"), "{threads}");
  EXPECT_EQ(read.setup, "scripts/setup a");
  EXPECT_FALSE(read.in_all);
}

TEST_F(Registry, FillsInWhatMayBeLeftOut) {
  const EngineManifest read =
      read_manifest(manifest("a", R"({"name": "a", "protocol": 1, "command": ["program"]})"));
  EXPECT_THAT(read.command, ElementsAre("program"));  // left to PATH
  EXPECT_THAT(read.environment, IsEmpty());
  EXPECT_TRUE(read.in_all);
}

TEST_F(Registry, PutsTheInterpreterInItsPlace) {
  const char* before = std::getenv("MOLIERE_VENV");
  const std::string kept = before != nullptr ? before : "";
  const fs::path file =
      manifest("a", R"({"name": "a", "protocol": 1, "command": ["{python}", "./worker.py"]})");
  ::setenv("MOLIERE_VENV", "/somewhere", 1);
  EXPECT_EQ(read_manifest(file).command.at(0), "/somewhere/bin/python");
  ::unsetenv("MOLIERE_VENV");
  EXPECT_EQ(read_manifest(file).command.at(0), "python3");
  if (before != nullptr) ::setenv("MOLIERE_VENV", kept.c_str(), 1);
}

TEST_F(Registry, RefusesBadManifests) {
  const auto reading = [&](const std::string& text) {
    return [this, text] { read_manifest(manifest("bad", text)); };
  };
  EXPECT_THAT(reading(R"({"name": "a", "protocol": 1, "command": ["x"], "comand": []})"),
              ThrowsMessage<Error>(HasSubstr("comand")));
  EXPECT_THAT(reading(R"({"name": "a", "protocol": 1, "command": []})"),
              ThrowsMessage<Error>(HasSubstr("empty command")));
  for (const char* bad :
       {"", "engine", "[1]", "3", "null", R"({"protocol": 1, "command": ["x"]})",
        R"({"name": "a", "command": ["x"]})", R"({"name": "a", "protocol": 1})",
        R"({"name": "a", "protocol": 1, "command": "x"})",
        R"({"name": "a", "protocol": "1", "command": ["x"]})",
        R"({"name": "a", "protocol": 1, "command": ["x"], "description": 1})",
        R"({"name": "a", "protocol": 1, "command": ["x"], "environment": {"A": 1}})",
        R"({"name": "a", "protocol": 1, "command": ["x"], "in_all": "no"})"}) {
    EXPECT_THAT(reading(bad), ThrowsMessage<Error>(HasSubstr("engine.json"))) << bad;
  }
  EXPECT_THROW(read_manifest(root.path() / "absent" / "engine.json"), Error);
}

TEST_F(Registry, FindsTheFirstOfEachName) {
  const std::string start = R"({"protocol": 1, "command": ["x"], "name": )";
  manifest("first/any", start + R"("b", "description": "of the first folder"})");
  manifest("second/b", start + R"("b", "description": "of the second folder"})");
  manifest("second/a", start + R"("a"})");
  fs::create_directories(root.path() / "second" / "no_engine");
  const std::vector<EngineManifest> found =
      find_engines({root.path() / "absent", root.path() / "first", root.path() / "second"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(found[1].name, "b");
  EXPECT_EQ(found[1].description, "of the first folder");
}

TEST_F(Registry, OneBrokenManifestLeavesTheOthers) {
  manifest("good", R"({"protocol": 1, "command": ["x"], "name": "good"})");
  manifest("torn", R"({"protocol": 1, "comm)");
  const std::vector<EngineManifest> found = find_engines({root.path()});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].broken, "");
  EXPECT_EQ(found[1].name, "torn");
  EXPECT_THAT(found[1].broken, HasSubstr("engine.json"));
  EXPECT_NO_THROW(launch_of(found[0], 1, {}));
  EXPECT_THROW(launch_of(found[1], 1, {}), WorkerFailure);
}

TEST_F(Registry, LooksInTheVariableFirst) {
  ::setenv("MOLIERE_ENGINE_PATH", "/one::/two", 1);
  const std::vector<fs::path> folders = engine_search_path();
  ::unsetenv("MOLIERE_ENGINE_PATH");
  ASSERT_GE(folders.size(), 3U);
  EXPECT_EQ(folders[0], "/one");
  EXPECT_EQ(folders[1], "/two");
  EXPECT_EQ(engine_search_path().size(), folders.size() - 2);
}

}  // namespace
}  // namespace moliere::bench
