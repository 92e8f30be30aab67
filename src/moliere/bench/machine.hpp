// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace moliere::bench {

struct CacheLevel {
  int level = 0;     // 1, 2, 3
  std::string type;  // "Data", "Instruction", "Unified"
  std::int64_t bytes = 0;
  int shared_by = 1;  // logical cores that share one such cache

  bool operator==(const CacheLevel&) const = default;
};

/// What a benchmark runs on, as far as it bears on speed; nothing that tells one specimen or its
/// owner from another (no serial numbers, no host name). Text that could not be found is "".
struct Machine {
  std::string cpu_model;
  std::string cpu_signature;  // "vendor family/model/stepping": hypervisors hide the model's name
  std::string microcode;
  int logical_cores = 1;
  int physical_cores = 1;
  int numa_nodes = 1;
  /// Logical cores that this process may keep busy: its affinity mask, and the control group's CPU
  /// quota rounded down (but not below 1).
  int usable_cores = 1;
  /// CPU time per wall time that the control groups grant [cores]; nothing: no limit.
  std::optional<double> cpu_quota;
  /// Those that matter for inference, the kernel's names: "avx2", "fma", "avx512f", "asimd", ...
  std::vector<std::string> instruction_sets;
  /// Those of the first core; others may differ on machines with two kinds of cores.
  std::vector<CacheLevel> caches;
  std::int64_t memory_bytes = 0;
  /// Of it, what the control groups let this process have.
  std::int64_t usable_memory_bytes = 0;
  std::string kernel;        // "6.1.0-18-amd64"
  std::string distribution;  // "Debian GNU/Linux 12 (bookworm)"
  std::string hypervisor;    // "KVM"; "unknown" where there is one without a name; "" without one
  std::string governor;      // "performance", "powersave", ...; "" where the kernel has no say
  bool smt = false;          // two or more logical cores share a physical one
  std::optional<bool> turbo;
  /// Clock that the maker states, without turbo [MHz]; nothing when it is not known.
  std::optional<double> nominal_mhz;
  std::optional<double> maximum_mhz;

  bool operator==(const Machine&) const = default;
};

/// Reads /proc, /sys and /etc/os-release below `root`; what is missing stays at its default. The
/// processor itself is asked (cpuid, for the hypervisor's name) only where `root` is "/".
Machine describe_machine(const std::filesystem::path& root = "/");

/// 32 hexadecimal digits that are equal for machines of the same hardware: processor, cores,
/// caches, memory (to the GiB), hypervisor. Settings (governor, affinity, quota) and software are
/// not in it.
std::string machine_id(const Machine& machine);

/// The data or unified cache of `level`; null where there is none.
const CacheLevel* data_cache(const Machine& machine, int level);

/// The CPUs that this process may run on, ordered so that the first n of them share as little as
/// possible: one of each last-level cache in turn, the second siblings of cores at the end.
std::vector<int> spread_cpus(const std::filesystem::path& root = "/");

}  // namespace moliere::bench
