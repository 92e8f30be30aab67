// SPDX-License-Identifier: Apache-2.0
#include "misbehaving_engine.hpp"

#include "moliere/core/random.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace moliere::engines::test {
namespace {

using engine::ConstTensorView;

/// Longer than the limit that a test of time-outs sets, short enough to wait for.
constexpr std::chrono::seconds slow_start_time{2};

/// What the options say, and which request is being handled.
struct Script {
  std::string behaviour = "good";
  std::string at = "measure";
  std::string request;
  /// A copy of the real standard output, on which the protocol is spoken.
  int protocol_output = -1;
};

void write_to_protocol(const Script& script, std::string_view text) {
  [[maybe_unused]] const ssize_t written =
      ::write(script.protocol_output, text.data(), text.size());
}

[[noreturn]] void hang() {
  while (true) ::pause();
}

/// Takes and touches memory until an allocation fails or the process is killed.
[[noreturn]] void exhaust_memory() {
  // Where nobody set a limit the kernel shall end this process and no other.
  std::ofstream("/proc/self/oom_score_adj") << 1000;
  constexpr std::size_t block = std::size_t{64} << 20;
  constexpr std::size_t most = std::size_t{64} << 30;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (std::size_t taken = 0; taken < most; taken += block) {
    blocks.push_back(std::make_unique_for_overwrite<char[]>(block));
    std::memset(blocks.back().get(), 1, block);
  }
  throw std::bad_alloc();
}

/// Does what the script says if this is the place for it; good behaviour does nothing.
void act(const Script& script) {
  const std::string& behaviour = script.behaviour;
  if (script.request != script.at || behaviour == "good") return;
  if (behaviour == "crash") {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }
  if (behaviour == "hang") hang();
  if (behaviour == "out_of_memory") exhaust_memory();
  if (behaviour == "garbage") write_to_protocol(script, "this is no message\n");
  if (behaviour == "dies_mid_message") {
    write_to_protocol(script, "{\"type\": \"meas");
    ::_exit(1);
  }
  if (behaviour == "silent_exit") ::_exit(0);
  if (behaviour == "refuses") throw engine::NotSupported("it was told to refuse");
  if (behaviour == "fails") throw std::runtime_error("it was told to fail");
  if (behaviour == "slow_start") std::this_thread::sleep_for(slow_start_time);
  if (behaviour == "prints") {
    std::puts("{\"type\": \"measured\", \"id\": 1}");
    std::fflush(stdout);
  }
}

/// A chain of dependent steps, about one nanosecond each on processors of 4 GHz (a multiplication
/// of three cycles and an addition of one). The same count is the same work in every process.
void burn(std::int64_t steps) {
  std::uint64_t state = 1;
  for (std::int64_t step = 0; step < steps; ++step) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(state));  // neither removed nor folded into fewer steps
  }
}

double number(const engine::Options& options, std::string_view key) {
  const std::string& text = options.find(key)->second;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    throw engine::NotSupported(fmt::format("option {}={} (it takes a number)", key, text));
  }
  return value;
}

/// Moves every element by up to 1 % of its size, or of 1 where it is smaller.
template <class T>
void add_noise(std::byte* data, std::size_t elements, RandomStream& random) {
  for (std::size_t i = 0; i < elements; ++i) {
    T value;
    std::memcpy(&value, data + i * sizeof value, sizeof value);
    if constexpr (std::is_same_v<T, bool>) {
      value = !value;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(value + 1);
    } else {
      const auto x = static_cast<double>(value);
      value = T(x + 0.01 * std::max(1.0, std::abs(x)) * random.uniform(-1, 1));
    }
    std::memcpy(data + i * sizeof value, &value, sizeof value);
  }
}

/// The outputs of one call, owned.
struct Outputs {
  std::vector<TensorSpec> specs;
  std::vector<std::vector<std::byte>> bytes;

  static Outputs copy(const std::vector<ConstTensorView>& views) {
    Outputs result;
    for (const ConstTensorView& view : views) {
      result.specs.push_back(view.spec);
      result.bytes.emplace_back(view.data, view.data + view.spec.byte_size());
    }
    return result;
  }

  void spoil() {
    RandomStream random(1);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const auto elements = static_cast<std::size_t>(element_count(specs[i].shape));
      visit_type(specs[i].type,
                 [&]<class T>() { add_noise<T>(bytes[i].data(), elements, random); });
    }
  }
};

class MisbehavingSession final : public engine::Session {
 public:
  MisbehavingSession(std::unique_ptr<engine::Session> inner, const Script& script,
                     std::int64_t steps)
      : inner_(std::move(inner)), script_(script), steps_(steps) {}

  void bind(std::size_t slot, std::span<const ConstTensorView> inputs) override {
    act(script_);
    inner_->bind(slot, inputs);
    inner_->run(slot);
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot] = {Outputs::copy(inner_->outputs()), 0};
    if (script_.behaviour == "wrong") slots_[slot].outputs.spoil();
  }

  void run(std::size_t slot) override {
    act(script_);
    burn(steps_);
    Slot& bound = slots_[script_.behaviour == "caching" ? 0 : slot];
    // Right the first time that it sees an input: only who looks again finds out.
    if (script_.behaviour == "wrong_later" && bound.calls == 1) bound.outputs.spoil();
    ++bound.calls;
    current_ = &bound.outputs;
  }

  std::vector<ConstTensorView> outputs() override {
    std::vector<ConstTensorView> views;
    for (std::size_t i = 0; i < current_->specs.size(); ++i) {
      views.push_back({current_->specs[i], current_->bytes[i].data()});
    }
    return views;
  }

 private:
  struct Slot {
    Outputs outputs;
    std::int64_t calls = 0;
  };

  std::unique_ptr<engine::Session> inner_;
  const Script& script_;
  std::int64_t steps_;
  std::vector<Slot> slots_;
  const Outputs* current_ = nullptr;
};

class MisbehavingModel final : public engine::LoadedModel {
 public:
  MisbehavingModel(std::unique_ptr<engine::LoadedModel> inner, const Script& script,
                   std::int64_t steps)
      : inner_(std::move(inner)), script_(script), steps_(steps) {}

  std::unique_ptr<engine::Session> make_session() override {
    return std::make_unique<MisbehavingSession>(inner_->make_session(), script_, steps_);
  }

 private:
  std::unique_ptr<engine::LoadedModel> inner_;
  const Script& script_;
  std::int64_t steps_;
};

class MisbehavingEngine final : public engine::Engine {
 public:
  MisbehavingEngine(std::unique_ptr<engine::Engine> inner, Script& script)
      : inner_(std::move(inner)), script_(script) {}

  engine::Description describe() override {
    engine::Description description = inner_->describe();
    description.components = {{"wraps", description.name}};
    description.name = "test";
    description.options = {
        {"behaviour",
         "good",
         "what it does",
         {"good", "crash", "hang", "wrong", "wrong_later", "caching", "out_of_memory", "garbage",
          "dies_mid_message", "silent_exit", "refuses", "fails", "slow_start", "prints"}},
        {"at",
         "measure",
         "the request at which it does so (wrong, wrong_later and caching: always)",
         {"prepare", "load", "bind", "infer", "calibrate", "measure"}},
        {"cost_ns", "0", "work of a call: so many steps of about 1 ns", {}},
        {"extra", "0", "share of that work added: 0.03 is a call 3 % longer", {}},
    };
    return description;
  }

  engine::Artifact prepare(const std::filesystem::path& model,
                           const engine::Configuration& configuration,
                           const std::filesystem::path& cache) override {
    follow(configuration.options);
    act(script_);
    return inner_->prepare(model, without_options(configuration), cache);
  }

  std::unique_ptr<engine::LoadedModel> load(const engine::LoadRequest& request) override {
    follow(request.configuration.options);
    act(script_);
    const double steps = number(request.configuration.options, "cost_ns") *
                         (1 + number(request.configuration.options, "extra"));
    engine::LoadRequest inner = request;
    inner.configuration = without_options(request.configuration);
    return std::make_unique<MisbehavingModel>(inner_->load(inner), script_, std::llround(steps));
  }

 private:
  void follow(const engine::Options& options) {
    script_.behaviour = options.at("behaviour");
    script_.at = options.at("at");
  }

  /// The inner engine keeps its defaults.
  engine::Configuration without_options(engine::Configuration configuration) {
    configuration.options = engine::resolve_options(inner_->describe().options, {});
    return configuration;
  }

  std::unique_ptr<engine::Engine> inner_;
  Script& script_;
};

}  // namespace

int serve_misbehaving(const worker::EngineFactory& make_inner) {
  Script script;
  script.protocol_output = ::dup(STDOUT_FILENO);
  if (const char* behaviour = std::getenv("MOLIERE_TEST_AT_READY")) {
    script.behaviour = behaviour;
    script.at = "ready";
  }
  return worker::serve(
      "test",
      [&]() -> std::unique_ptr<engine::Engine> {
        act(script);
        return std::make_unique<MisbehavingEngine>(make_inner(), script);
      },
      [&](std::string_view request) { script.request = request; });
}

}  // namespace moliere::engines::test
