// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

/// The stages of an engine: describe -> prepare (convert, compile; cached) -> load -> Session.
/// One adapter implements them for one vendor; moliere::worker::serve speaks the protocol for it.
namespace moliere::engine {

/// The engine cannot do what was asked: a result with a reason, never a crash.
class NotSupported : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The engine is not here (package, device): `moliere engines` shows the reason.
class NotAvailable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An option of an engine, as given by `--engine NAME:key=value`.
struct OptionSpec {
  std::string key;
  std::string default_value;
  std::string description;
  /// Allowed values; empty: free text, which the adapter checks.
  std::vector<std::string> choices;
};

/// Every option of the engine with the value it has in this run.
using Options = std::map<std::string, std::string, std::less<>>;

/// `given` over the defaults of `specs`. Throws NotSupported for an unknown key or value.
Options resolve_options(const std::vector<OptionSpec>& specs, const Options& given);

struct Description {
  std::string name;
  /// Of the vendor's library in this process.
  std::string version;
  /// Other versions that matter: BLAS, CUDA, Python.
  std::map<std::string, std::string> components;
  /// "cpu", "cuda".
  std::vector<std::string> devices;
  std::vector<OptionSpec> options;
};

/// Everything that fixes how a model is run.
struct Configuration {
  Options options;
  std::string device = "cpu";
  /// Intra-op threads of one stream.
  int threads = 1;
  /// Independent sessions, each called from a thread of its own.
  int streams = 1;
  /// On a device other than the CPU: inputs and outputs stay on the device during the timed calls.
  bool device_resident = false;
};

/// What an engine makes of an ONNX file once: a converted file, compiled code, or the file itself.
struct Artifact {
  std::filesystem::path path;
  /// How it was made ("read directly", "onnx2torch 1.5.15 + torch.jit.trace", ...).
  std::string route = "read directly";
  bool from_cache = false;
  /// What the converter printed.
  std::filesystem::path log;
};

/// Memory of a tensor that someone else owns.
struct TensorView {
  TensorSpec spec;
  std::byte* data = nullptr;
};
struct ConstTensorView {
  TensorSpec spec;
  const std::byte* data = nullptr;
};

/// One stream: called by one thread at a time.
class Session {
 public:
  virtual ~Session() = default;
  /// Binds one set of inputs (in the order of LoadRequest::inputs) under the number `slot`. All
  /// that can be done before a call is done here. The memory stays valid as long as the session.
  virtual void bind(std::size_t slot, std::span<const ConstTensorView> inputs) = 0;
  /// One inference, complete (synchronised) on return: the call that is timed.
  virtual void run(std::size_t slot) = 0;
  /// The outputs of the last run, in the order of LoadRequest::outputs, with the shapes that they
  /// really have; in host memory, valid until the next run.
  virtual std::vector<ConstTensorView> outputs() = 0;
};

struct LoadRequest {
  Artifact artifact;
  /// Concrete.
  std::vector<TensorSpec> inputs;
  /// Names in the graph's order.
  std::vector<std::string> outputs;
  Configuration configuration;
};

/// A model in memory, from which streams are made; weights are shared where the engine can.
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;
  virtual std::unique_ptr<Session> make_session() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// Throws NotAvailable.
  virtual Description describe() = 0;
  /// Converts and compiles, below `cache`; the default is an engine that reads ONNX itself.
  virtual Artifact prepare(const std::filesystem::path& model, const Configuration& configuration,
                           const std::filesystem::path& cache);
  /// Throws NotSupported with the reason, or any std::exception for a failure of the engine.
  virtual std::unique_ptr<LoadedModel> load(const LoadRequest& request) = 0;
};

}  // namespace moliere::engine
