// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/marked.hpp"

extern "C" [[gnu::noinline]] void moliere_marked_inferences(void (*work)(void*), void* context) {
  work(context);
  asm volatile("");  // or the call would become a jump, and the frame would be gone
}
