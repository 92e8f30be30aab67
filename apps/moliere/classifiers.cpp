// SPDX-License-Identifier: Apache-2.0
#include "classifiers.hpp"

#include "moliere/calo/shower_copy.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::app {
namespace {
namespace fs = std::filesystem;

/// A program with this one's standard error and its standard output at hand. Ended with this
/// object, so that no training goes on when the evaluation was stopped.
class RunningProgram {
 public:
  explicit RunningProgram(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error("cannot start moliere-flow", std::strerror(errno), "close other programs");
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int failed =
        ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failed != 0) {
      ::close(output_);
      throw Error("cannot start moliere-flow", std::strerror(failed), "build Molière again");
    }
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      wait();
    }
    ::close(output_);
  }

  /// Appends what comes within a moment to `text`; false at the end of the output.
  bool read(std::string& text) {
    constexpr int moment_ms = 100;
    pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, moment_ms) <= 0) return true;  // nothing yet, or a signal
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(output_, buffer.data(), buffer.size());
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
  }

  /// Its exit code; 128 + signal where a signal ended it.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  bool ended_ = false;
};

/// Beside this program; empty where it was not built.
fs::path flow_program() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path flow = self.parent_path() / "moliere-flow";
  return fs::exists(flow, error) ? flow : fs::path();
}

std::vector<std::string> command_of(const fs::path& program, const ClassifierRequest& request,
                                    const std::string& features, const fs::path& reference,
                                    const fs::path& sample) {
  std::vector<std::string> words{program.string(),
                                 "classify",
                                 reference.string(),
                                 sample.string(),
                                 "-g",
                                 request.geometry,
                                 "--features",
                                 features,
                                 "--seeds",
                                 fmt::to_string(request.seeds),
                                 "--device",
                                 request.device,
                                 "--json"};
  if (request.quick) words.insert(words.end(), {"--epochs", "10", "--precision", "float32"});
  if (request.threads > 0) {
    words.insert(words.end(), {"--threads", fmt::to_string(request.threads)});
  }
  return words;
}

std::vector<judge::ClassifierRun> runs_of(const Json& json) {
  std::vector<judge::ClassifierRun> runs;
  for (const Json& run : json.at("runs")) {
    runs.push_back({run.at("seed").get<std::uint64_t>(), run.at("auc").get<double>(),
                    run.at("jsd").get<double>()});
  }
  return runs;
}

/// The answer of `moliere-flow classify --json`. Throws Error where there is none, and what `stop`
/// throws when the user asks to end.
Json classify(const std::vector<std::string>& words, const std::function<void()>& stop) {
  RunningProgram program(words);
  std::string output;
  while (program.read(output)) stop();
  const int code = program.wait();
  stop();  // Ctrl-C reaches both programs: it is no failure of the other
  if (code != 0) {
    throw Error(fmt::format("moliere-flow ended with {}", code), "it says why above",
                "leave the classifiers out with --classifier none");
  }
  return Json::parse(output);
}

void write_rows(const calo::ShowerReader& reader, calo::RowRange rows, const fs::path& file,
                Progress& progress) {
  calo::ShowerWriter::Options options;
  options.compression = 1;  // it is read once
  calo::ShowerWriter writer(file, reader.voxels(), reader.attributes(), options);
  calo::copy_showers(reader, rows, 0, writer, progress);
  writer.finish();
}

/// The files that the classifiers read: cut to the rows that are asked for, and the two halves.
struct PreparedFiles {
  TemporaryDirectory folder{"moliere-classifiers"};
  fs::path reference;
  fs::path sample;
  fs::path first_half;
  fs::path second_half;
};

std::unique_ptr<PreparedFiles> prepare(const ClassifierRequest& request, Progress& progress) {
  auto files = std::make_unique<PreparedFiles>();
  const fs::path folder = files->folder.path();
  const calo::ShowerReader reference(request.reference);
  const calo::ShowerReader sample(request.sample);
  const auto used = [&](const calo::ShowerReader& reader) {
    return request.rows > 0 ? std::min(request.rows, reader.size()) : reader.size();
  };
  files->reference = request.reference;
  files->sample = request.sample;
  if (used(reference) < reference.size()) {
    files->reference = folder / "reference.h5";
    write_rows(reference, {0, used(reference)}, files->reference, progress);
  }
  if (used(sample) < sample.size()) {
    files->sample = folder / "sample.h5";
    write_rows(sample, {0, used(sample)}, files->sample, progress);
  }
  const std::int64_t half = used(reference) / 2;
  files->first_half = folder / "first.h5";
  files->second_half = folder / "second.h5";
  write_rows(reference, {0, half}, files->first_half, progress);
  write_rows(reference, {half, 2 * half}, files->second_half, progress);
  return files;
}

}  // namespace

std::vector<judge::ClassifierResult> run_classifiers(const ClassifierRequest& request,
                                                     StoppableProgress& progress) {
  std::vector<judge::ClassifierResult> results;
  const fs::path program = flow_program();
  std::unique_ptr<PreparedFiles> files;
  if (!program.empty() && !request.features.empty()) files = prepare(request, progress);
  for (std::size_t i = 0; i < request.features.size(); ++i) {
    const std::string& features = request.features[i];
    judge::ClassifierResult& result = results.emplace_back();
    result.features = features;
    if (program.empty()) {
      result.problem = "needs LibTorch: scripts/setup --all, then build again";
      continue;
    }
    // It shows how far it is by itself, on our standard error.
    const auto ask = [&](const std::string& what, const fs::path& first, const fs::path& second) {
      progress.update(static_cast<double>(i), static_cast<double>(request.features.size()),
                      fmt::format("classifier {}: {}", features, what));
      progress.clear();
      return classify(command_of(program, request, features, first, second),
                      [&] { progress.check(); });
    };
    try {
      const Json json = ask("generated against reference", files->reference, files->sample);
      result.runs = runs_of(json);
      result.false_positive_rate =
          json.at("roc").at("false_positive_rate").get<std::vector<double>>();
      result.true_positive_rate =
          json.at("roc").at("true_positive_rate").get<std::vector<double>>();
      result.floor_runs =
          runs_of(ask("the reference's halves", files->first_half, files->second_half));
    } catch (const Json::exception& error) {
      result.problem = fmt::format("moliere-flow gave no figures: {}", error.what());
    } catch (const Error& error) {
      result.problem = error.what();
    }
  }
  return results;
}

}  // namespace moliere::app
