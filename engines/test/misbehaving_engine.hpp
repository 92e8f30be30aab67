// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/worker/serve.hpp"

/// In: any engine, options -> Out: the same answers from an engine whose cost is chosen and that
/// misbehaves on command.
namespace moliere::engines::test {

/// The main function of a worker whose engine wraps the one that `make_inner` makes: each slot is
/// computed once, when it is bound; run() gives that and does a fixed amount of integer work.
/// Options: see README.md. Misbehaviour before `ready` is chosen by the environment variable
/// MOLIERE_TEST_AT_READY, as options come only later.
int serve_misbehaving(const worker::EngineFactory& make_inner);

}  // namespace moliere::engines::test
