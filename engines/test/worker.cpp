// SPDX-License-Identifier: Apache-2.0
#include "../reference/adapter.hpp"
#include "misbehaving_engine.hpp"

int main() {
  return moliere::engines::test::serve_misbehaving(moliere::engines::reference::make_engine);
}
