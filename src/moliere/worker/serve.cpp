// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/serve.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"
#include "moliere/worker/channel.hpp"
#include "moliere/worker/denormals.hpp"
#include "moliere/worker/protocol.hpp"
#include "moliere/worker/timing_loop.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <optional>

#include <unistd.h>

namespace moliere::worker {
namespace {

using protocol::from_json;
using protocol::to_json;

/// The caller broke the protocol.
class BadRequest : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The most of a sample that may be the cost of reading the clock.
constexpr double clock_share = 0.01;

Tensor read_tensor(const protocol::TensorFile& file) {
  const std::vector<std::byte> bytes = read_bytes(file.file);
  if (bytes.size() != file.spec.byte_size()) {
    throw BadRequest(fmt::format("{} has {} bytes, tensor '{}' {} needs {}", file.file.string(),
                                 bytes.size(), file.spec.name, to_string(file.spec.shape),
                                 file.spec.byte_size()));
  }
  Tensor tensor(file.spec.type, file.spec.shape);
  std::ranges::copy(bytes, tensor.bytes().begin());
  return tensor;
}

void write_tensor(const std::filesystem::path& path, const engine::ConstTensorView& tensor) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(tensor.data),
             static_cast<std::streamsize>(tensor.spec.byte_size()));
  file.close();
  if (!file) {
    throw Error(fmt::format("cannot write {}", path.string()), std::strerror(errno),
                "check the free space and the permissions of its folder");
  }
}

/// A model loaded for a number of streams, and the inputs bound to it.
class LoadedStreams {
 public:
  LoadedStreams(engine::Engine& engine, const engine::LoadRequest& request)
      : inputs_(request.inputs),
        outputs_(request.outputs.size()),
        threads_(static_cast<std::size_t>(request.configuration.streams)),
        model_(engine.load(request)),
        sessions_(threads_.size()) {
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      threads_.run_one(i, [&](std::size_t stream) { sessions_[stream] = model_->make_session(); });
    }
  }

  void bind(const protocol::Bind& request) {
    std::vector<std::vector<Tensor>> tensors;
    for (const auto& files : request.slots) {
      check_inputs(files);
      std::vector<Tensor>& slot = tensors.emplace_back();
      for (const protocol::TensorFile& file : files) slot.push_back(read_tensor(file));
    }
    // Until a slot is bound anew, its session may hold on to the tensors of before.
    std::swap(tensors, bound_);
    loop_.reset();
    threads_.run_all([&](std::size_t stream) {
      for (std::size_t slot = 0; slot < bound_.size(); ++slot) {
        std::vector<engine::ConstTensorView> views;
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
          views.push_back({inputs_[i], bound_[slot][i].bytes().data()});
        }
        sessions_[stream]->bind(slot, views);
      }
    });
    std::vector<engine::Session*> sessions;
    for (const auto& session : sessions_) sessions.push_back(session.get());
    loop_.emplace(threads_, std::move(sessions), bound_.size());
  }

  protocol::Inferred infer(const protocol::Infer& request) {
    loop();
    if (request.stream >= sessions_.size() || request.slot >= bound_.size()) {
      throw BadRequest(
          fmt::format("slot {} of stream {} does not exist", request.slot, request.stream));
    }
    if (!request.files.empty() && request.files.size() != outputs_) {
      throw BadRequest(fmt::format("{} files for {} outputs", request.files.size(), outputs_));
    }
    protocol::Inferred reply;
    threads_.run_one(request.stream, [&](std::size_t stream) {
      engine::Session& session = *sessions_[stream];
      const SteadyClock clock;
      const std::int64_t before = clock.now_ns();
      session.run(request.slot);
      reply.elapsed_ns = clock.now_ns() - before;
      if (request.files.empty()) return;
      const std::vector<engine::ConstTensorView> outputs = session.outputs();
      if (outputs.size() != outputs_) {
        throw std::runtime_error(
            fmt::format("the engine gave {} outputs of {}", outputs.size(), outputs_));
      }
      for (std::size_t i = 0; i < outputs_; ++i) {
        write_tensor(request.files[i], outputs[i]);
        reply.outputs.push_back({outputs[i].spec, request.files[i]});
      }
    });
    return reply;
  }

  protocol::Measured measure(const protocol::Measure& request) {
    protocol::Measured reply = loop().measure(request);
    std::atomic<std::int64_t> denormals = 0;
    // With fewer calls than streams the last streams may have no outputs yet.
    const std::size_t called =
        request.max_calls == 0
            ? sessions_.size()
            : std::min(sessions_.size(), static_cast<std::size_t>(request.max_calls));
    threads_.run_all([&](std::size_t stream) {
      if (stream >= called) return;
      for (const auto& output : sessions_[stream]->outputs()) denormals += count_denormals(output);
    });
    reply.denormals = denormals;
    return reply;
  }

  TimingLoop<>& loop() {
    if (!loop_) throw BadRequest("no inputs are bound: send 'bind' first");
    return *loop_;
  }

 private:
  void check_inputs(const std::vector<protocol::TensorFile>& files) const {
    if (!std::ranges::equal(files, inputs_, {}, &protocol::TensorFile::spec)) {
      throw BadRequest("a slot's tensors are not the inputs that 'load' named");
    }
  }

  std::vector<TensorSpec> inputs_;
  std::size_t outputs_;
  StreamThreads threads_;
  /// [slot][input]; before the sessions, which point into it.
  std::vector<std::vector<Tensor>> bound_;
  std::unique_ptr<engine::LoadedModel> model_;
  std::vector<std::unique_ptr<engine::Session>> sessions_;
  std::optional<TimingLoop<>> loop_;
};

class Worker {
 public:
  Worker(std::unique_ptr<engine::Engine> engine, engine::Description description, double clock_ns)
      : engine_(std::move(engine)), description_(std::move(description)), clock_ns_(clock_ns) {}

  Json handle(const std::string& type, const Json& request) {
    if (type == protocol::Prepare::type)
      return to_json(prepare(from_request<protocol::Prepare>(request)));
    if (type == protocol::Load::type) return to_json(load(from_request<protocol::Load>(request)));
    if (type == protocol::Bind::type) return to_json(bind(from_request<protocol::Bind>(request)));
    if (type == protocol::Infer::type) {
      return to_json(loaded().infer(from_request<protocol::Infer>(request)));
    }
    if (type == protocol::Measure::type) {
      return to_json(loaded().measure(from_request<protocol::Measure>(request)));
    }
    if (type == protocol::Calibrate::type) {
      return to_json(calibrate(from_request<protocol::Calibrate>(request)));
    }
    if (type == protocol::Shutdown::type) return to_json(protocol::Bye{});
    throw BadRequest(fmt::format("'{}' is no request", type));
  }

 private:
  template <class Message>
  static Message from_request(const Json& request) {
    try {
      return from_json<Message>(request);
    } catch (const Error& error) {
      throw BadRequest(error.what());
    }
  }

  /// The request's options over the defaults: what adapters get, and what the row records.
  engine::Configuration resolved(engine::Configuration configuration) const {
    configuration.options = engine::resolve_options(description_.options, configuration.options);
    return configuration;
  }

  protocol::Prepared prepare(const protocol::Prepare& request) {
    const std::int64_t start = clock_.now_ns();
    protocol::Prepared reply;
    reply.artifact =
        engine_->prepare(request.model, resolved(request.configuration), request.cache);
    reply.elapsed_ns = clock_.now_ns() - start;
    return reply;
  }

  protocol::Loaded load(const protocol::Load& request) {
    streams_.reset();  // never two models at a time: memory is part of what is compared
    engine::LoadRequest load;
    load.artifact.path = request.artifact;
    load.inputs = request.inputs;
    load.outputs = request.outputs;
    load.configuration = resolved(request.configuration);
    const std::int64_t start = clock_.now_ns();
    streams_.emplace(*engine_, load);
    return {.elapsed_ns = clock_.now_ns() - start, .options = load.configuration.options};
  }

  protocol::Bound bind(const protocol::Bind& request) {
    const std::int64_t start = clock_.now_ns();
    loaded().bind(request);
    return {.elapsed_ns = clock_.now_ns() - start};
  }

  protocol::Calibrated calibrate(const protocol::Calibrate& request) {
    const auto for_the_clock = static_cast<std::int64_t>(std::ceil(clock_ns_ / clock_share));
    return loaded().loop().calibrate(std::max(request.minimum_sample_ns, for_the_clock));
  }

  LoadedStreams& loaded() {
    if (!streams_) throw BadRequest("no model is loaded: send 'load' first");
    return *streams_;
  }

  SteadyClock clock_;
  std::unique_ptr<engine::Engine> engine_;
  engine::Description description_;
  double clock_ns_;
  std::optional<LoadedStreams> streams_;
};

/// The reply to a request, whatever happens on the way.
Json answer(Worker& worker, const RequestObserver& observe, const std::string& type,
            const Json& request) {
  const auto failure = [](std::string kind, std::string reason) {
    return to_json(protocol::Failure{std::move(kind), std::move(reason)});
  };
  try {
    if (observe) observe(type);
    return worker.handle(type, request);
  } catch (const BadRequest& error) {
    return failure("bad_request", error.what());
  } catch (const engine::NotSupported& error) {
    return failure("not_supported", error.what());
  } catch (const engine::NotAvailable& error) {
    return failure("not_available", error.what());
  } catch (const std::bad_alloc&) {
    return failure("out_of_memory", "an allocation failed");
  } catch (const std::exception& error) {
    return failure("failed", error.what());
  } catch (...) {
    return failure("failed", "the engine threw something that is no std::exception");
  }
}

/// Reads, handles and answers until `shutdown` or the end of input.
void converse(Channel& channel, Worker& worker, const RequestObserver& observe) {
  while (const std::optional<std::string> line = channel.read_line()) {
    const Json request = Json::parse(*line, nullptr, /*allow_exceptions=*/false);
    const bool readable = request.is_object() && request.contains("type") &&
                          request["type"].is_string() && request.contains("id");
    const std::string type = readable ? request["type"].get<std::string>() : "";
    Json reply = readable ? answer(worker, observe, type, request)
                          : to_json(protocol::Failure{
                                "bad_request", "a request is an object with a type and an id"});
    reply["id"] = readable ? request["id"] : Json(nullptr);
    channel.write(protocol::to_line(reply));
    if (type == protocol::Shutdown::type) return;
  }
}

int converse_as_worker(const std::string& name, const EngineFactory& make_engine,
                       const RequestObserver& observe) {
  const SteadyClock clock;
  protocol::Ready ready;
  ready.started_ns = clock.now_ns();
  Channel channel = Channel::take_standard_streams();
  std::unique_ptr<engine::Engine> engine;
  try {
    if (observe) observe(protocol::Ready::type);
    engine = make_engine();
    ready.engine = engine->describe();
  } catch (const std::exception& error) {
    const protocol::Unavailable unavailable{.engine = name, .reason = error.what()};
    channel.write(protocol::to_line(to_json(unavailable)));
    return 0;
  }
  ready.ready_ns = clock.now_ns();
  ready.pid = ::getpid();
  ready.clock_ns = measure_clock_ns();
  ready.overhead_ns =
      measure_overhead_ns(static_cast<std::int64_t>(std::ceil(ready.clock_ns / clock_share)));
  channel.write(protocol::to_line(to_json(ready)));
  Worker worker(std::move(engine), ready.engine, ready.clock_ns);
  converse(channel, worker, observe);
  return 0;
}

}  // namespace

int serve(const std::string& name, const EngineFactory& make_engine,
          const RequestObserver& observe) {
  try {
    return converse_as_worker(name, make_engine, observe);
  } catch (const std::exception& error) {
    // The caller is gone: the log is the only reader that is left.
    std::fprintf(stderr, "worker %s: %s\n", name.c_str(), error.what());
    return 1;
  }
}

int serve_unavailable(const std::string& name, const std::string& reason) {
  return serve(name,
               [&]() -> std::unique_ptr<engine::Engine> { throw engine::NotAvailable(reason); });
}

}  // namespace moliere::worker
