// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/counters.hpp"

#include <ctime>
#include <fstream>
#include <string>

#include <sys/resource.h>

namespace moliere::worker {

Counters Counters::now() noexcept {
  timespec cpu{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {.cpu_ns = std::int64_t{cpu.tv_sec} * 1'000'000'000 + cpu.tv_nsec,
          .voluntary_switches = usage.ru_nvcsw,
          .involuntary_switches = usage.ru_nivcsw,
          .page_faults = usage.ru_minflt + usage.ru_majflt};
}

Counters Counters::operator-(const Counters& earlier) const {
  return {.cpu_ns = cpu_ns - earlier.cpu_ns,
          .voluntary_switches = voluntary_switches - earlier.voluntary_switches,
          .involuntary_switches = involuntary_switches - earlier.involuntary_switches,
          .page_faults = page_faults - earlier.page_faults};
}

std::int64_t thread_count() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::int64_t count = 0;
    if (word == "Threads:" && status >> count) return count;
  }
  return 0;
}

}  // namespace moliere::worker
