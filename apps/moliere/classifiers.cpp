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
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::app {
namespace {
namespace fs = std::filesystem;

/// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* arguments, pid_t parent, int output) {
  constexpr int not_started = 127;  // as shells say it
  // Nobody would read what it trains on for; a Ctrl-C given twice leaves no time to end it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(not_started);  // moliere died before prctl
  ::dup2(output, STDOUT_FILENO);
  ::execv(arguments[0], arguments);
  constexpr std::string_view message = "cannot start moliere-flow: build Molière again\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(not_started);
}

/// A program with this one's standard error and its standard output at hand. Ended with this
/// object, or with this program, so that no training goes on when the evaluation was stopped.
class RunningProgram {
 public:
  explicit RunningProgram(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw not_started(errno);
    output_ = ends[0];
    const pid_t self = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) become(arguments.data(), self, ends[1]);
    const int why = errno;
    ::close(ends[1]);
    if (pid_ > 0) return;
    ::close(output_);
    throw not_started(why);
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
  static Error not_started(int why) {
    return {"cannot start moliere-flow", std::strerror(why), "close other programs"};
  }

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

/// Runs `work`; why it gave no figures, or nothing.
std::string reason_of(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const Json::exception& error) {
    return fmt::format("moliere-flow gave no figures: {}", error.what());
  } catch (const Error& error) {
    return error.what();
  }
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
  fs::path train;  // empty: none
  fs::path first_half;
  fs::path second_half;
};

std::unique_ptr<PreparedFiles> prepare(const ClassifierRequest& request, Progress& progress) {
  auto files = std::make_unique<PreparedFiles>();
  const fs::path folder = files->folder.path();
  const calo::ShowerReader reference(request.reference);
  const auto used = [&](const calo::ShowerReader& reader) {
    return request.rows > 0 ? std::min(request.rows, reader.size()) : reader.size();
  };
  const auto cut = [&](const fs::path& file, const char* name) {
    const calo::ShowerReader reader(file);
    if (used(reader) == reader.size()) return file;
    fs::path part = folder / name;
    write_rows(reader, {0, used(reader)}, part, progress);
    return part;
  };
  files->reference = cut(request.reference, "reference.h5");
  files->sample = cut(request.sample, "sample.h5");
  if (!request.train.empty()) files->train = cut(request.train, "train.h5");
  const std::int64_t half = used(reference) / 2;
  files->first_half = folder / "first.h5";
  files->second_half = folder / "second.h5";
  write_rows(reference, {0, half}, files->first_half, progress);
  write_rows(reference, {half, 2 * half}, files->second_half, progress);
  return files;
}

}  // namespace

TrainedVerdicts run_classifiers(const ClassifierRequest& request, StoppableProgress& progress) {
  TrainedVerdicts verdicts;
  if (request.features.empty()) return verdicts;
  const fs::path program = flow_program();
  const char* const missing = "needs LibTorch: scripts/setup --all, then build again";
  std::unique_ptr<PreparedFiles> files;
  if (!program.empty()) files = prepare(request, progress);
  const std::size_t trainings = request.features.size() + (request.train.empty() ? 0 : 1);
  std::size_t number = 0;
  // It shows how far it is by itself, on our standard error.
  const auto ask = [&](const std::string& what, const std::vector<std::string>& words) {
    progress.update(static_cast<double>(number), static_cast<double>(trainings),
                    "classifier " + what);
    progress.clear();
    return classify(words, [&] { progress.check(); });
  };
  for (const std::string& features : request.features) {
    judge::ClassifierResult& result = verdicts.classifiers.emplace_back();
    result.features = features;
    if (program.empty()) {
      result.problem = missing;
      continue;
    }
    const auto contest = [&](const fs::path& first, const fs::path& second) {
      return command_of(program, request, features, first, second);
    };
    result.problem = reason_of([&] {
      const Json json =
          ask(features + ": generated against reference", contest(files->reference, files->sample));
      result.runs = runs_of(json);
      const Json& roc = json.at("roc");
      roc.at("false_positive_rate").get_to(result.false_positive_rate);
      roc.at("true_positive_rate").get_to(result.true_positive_rate);
      result.floor_runs = runs_of(ask(features + ": the reference's halves",
                                      contest(files->first_half, files->second_half)));
    });
    ++number;
  }
  if (request.train.empty()) return verdicts;
  judge::MembershipVerdict& membership = verdicts.membership.emplace();
  membership.features = "low";  // the voxels: what showers are known by
  if (program.empty() || request.quick) {
    membership.problem = program.empty() ? missing : "left out by --quick";
    return verdicts;
  }
  membership.problem = reason_of([&] {
    std::vector<std::string> words =
        command_of(program, request, membership.features, files->reference, files->sample);
    words.insert(words.end(), {"--train", files->train.string()});
    const Json json = ask(membership.features + ": what was kept of the training", words);
    membership.training_accuracy = 1;
    for (const Json& run : json.at("runs")) {
      membership.aucs.push_back(run.at("auc").get<double>());
      membership.training_accuracy =
          std::min(membership.training_accuracy, run.at("training_accuracy").get<double>());
    }
    const Json& first = json.at("runs").at(0);
    first.at("auc_error").get_to(membership.auc_error);
    first.at("share_learnt").get_to(membership.share_learnt);
  });
  return verdicts;
}

}  // namespace moliere::app
