// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// In: requests, one JSON object a line -> Out: replies, times [ns]
/// (docs/formats/worker-protocol.md).
namespace moliere::worker {

/// Makes the engine: loads the vendor's library. Throws engine::NotAvailable with what to do.
using EngineFactory = std::function<std::unique_ptr<engine::Engine>()>;

/// Is told the type of each request before it is handled. Only engines that are made to
/// misbehave need to know.
using RequestObserver = std::function<void(std::string_view type)>;

/// The main function of a worker for the engine called `name`: speaks the protocol on standard
/// input and output until `shutdown` or the end of input, and returns the exit code. From here on
/// everything that a library prints to standard output goes to standard error.
int serve(const std::string& name, const EngineFactory& make_engine,
          const RequestObserver& observe = {});

/// The same for an engine whose package was not there when Molière was built.
int serve_unavailable(const std::string& name, const std::string& reason);

}  // namespace moliere::worker
