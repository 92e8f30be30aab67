// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/serve.hpp"

#include "adapter.hpp"

int main() { return moliere::worker::serve("reference", moliere::engines::reference::make_engine); }
