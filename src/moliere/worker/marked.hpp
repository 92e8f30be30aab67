// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Calls work(context). The inferences of a request with `max_calls` (`moliere bench --once N`) run
/// below this function, so a profiler can tell them from loading and warming up by its name on the
/// stack: `perf report --parent moliere_marked_inferences`, a caller filter in VTune.
extern "C" void moliere_marked_inferences(void (*work)(void*), void* context);
