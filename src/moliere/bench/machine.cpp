// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/machine.hpp"

#include "moliere/bench/system_files.hpp"
#include "moliere/core/hash.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include <fmt/ranges.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

/// What an inference library picks its kernels by.
constexpr std::array interesting_instruction_sets = {
    // x86
    "sse2", "sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx_vnni_int8", "avx_ne_convert",
    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "avx10_1", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16",
    // Arm
    "asimd", "asimdhp", "asimddp", "asimdfhm", "bf16", "i8mm", "sve", "sve2", "svebf16", "sme"};

std::vector<std::string> instruction_sets(const std::vector<std::string>& flags) {
  std::vector<std::string> found;
  for (const char* name : interesting_instruction_sets) {
    if (std::ranges::find(flags, name) != flags.end()) found.emplace_back(name);
  }
  return found;
}

/// Folders cpu0, cpu1, ... of those that are online, in order of their numbers.
std::vector<fs::path> cpu_folders(const fs::path& root) {
  const fs::path base = root / "sys/devices/system/cpu";
  std::vector<fs::path> folders;
  for (const int cpu : parse_cpu_list(read_system_text(base / "online").value_or(""))) {
    folders.push_back(base / fmt::format("cpu{}", cpu));
  }
  return folders;
}

/// The affinity mask.
std::vector<int> allowed_cpus(const fs::path& root) {
  const auto status = parse_keys(read_system_text(root / "proc/self/status").value_or(""), ':');
  return parse_cpu_list(value_of(status, "Cpus_allowed_list"));
}

/// Logical cores of the physical one, as a list in words; kernels before 4.20 name the file
/// otherwise. "" where it is not told.
std::string siblings_of(const fs::path& cpu) {
  const auto siblings = read_system_text(cpu / "topology/core_cpus_list");
  if (siblings) return *siblings;
  return read_system_text(cpu / "topology/thread_siblings_list").value_or("");
}

int count_physical_cores(const std::vector<fs::path>& cpus) {
  std::set<std::string> cores;
  for (const fs::path& cpu : cpus) {
    if (const std::string siblings = siblings_of(cpu); !siblings.empty()) cores.insert(siblings);
  }
  return static_cast<int>(cores.size());
}

std::vector<CacheLevel> read_caches(const fs::path& cpu) {
  std::vector<CacheLevel> caches;
  for (int index = 0;; ++index) {
    const fs::path folder = cpu / "cache" / fmt::format("index{}", index);
    const auto level = read_system_integer(folder / "level");
    const auto bytes = parse_size(read_system_text(folder / "size").value_or(""));
    if (!level) return caches;
    if (!bytes) continue;
    const auto sharing =
        parse_cpu_list(read_system_text(folder / "shared_cpu_list").value_or("")).size();
    caches.push_back({.level = static_cast<int>(*level),
                      .type = read_system_text(folder / "type").value_or(""),
                      .bytes = *bytes,
                      .shared_by = std::max(1, static_cast<int>(sharing))});
  }
}

/// Cores that a control group's folder grants: `cpu.max` of version 2 ("quota period" or "max
/// period"), `cpu.cfs_*` of version 1 (quota -1: none).
std::optional<double> quota_of(const fs::path& folder, bool is_version2) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (is_version2) {
    const auto fields = split_fields(read_system_text(folder / "cpu.max").value_or(""));
    if (fields.size() == 2) {
      quota = parse_integer(fields[0]);
      period = parse_integer(fields[1]);
    }
  } else {
    quota = read_system_integer(folder / "cpu.cfs_quota_us");
    period = read_system_integer(folder / "cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

/// The tightest quota of the group and of those above it.
std::optional<double> cpu_quota(const fs::path& root) {
  const ControlGroups groups = control_groups(root, "cpu");
  std::optional<double> least;
  const auto look_at = [&](const std::vector<fs::path>& folders, bool is_version2) {
    for (const fs::path& folder : folders) {
      const std::optional<double> quota = quota_of(folder, is_version2);
      if (quota) least = std::min(least.value_or(*quota), *quota);
    }
  };
  look_at(groups.version1, false);
  look_at(groups.version2, true);
  return least;
}

/// `total`, or the tightest memory limit of the control groups if that is less (version 1 writes
/// a huge number, version 2 "max", where there is none).
std::int64_t usable_memory(const fs::path& root, std::int64_t total) {
  const ControlGroups groups = control_groups(root, "memory");
  std::int64_t usable = total;
  const auto look_at = [&](const std::vector<fs::path>& folders, const char* file) {
    for (const fs::path& folder : folders) {
      usable = std::min(usable, read_system_integer(folder / file).value_or(usable));
    }
  };
  look_at(groups.version1, "memory.limit_in_bytes");
  look_at(groups.version2, "memory.max");
  return usable;
}

/// Bit 31 of ECX of cpuid leaf 1 tells a hypervisor; leaf 0x40000000 gives twelve letters of its
/// name (the convention of Intel, AMD and the hypervisors' makers).
std::string hypervisor_of_processor() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned hypervisor_bit = 1U << 31;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & hypervisor_bit) == 0) return "";
  __cpuid(0x40000000, a, b, c, d);
  std::array<char, 13> name{};
  std::memcpy(name.data(), &b, 4);
  std::memcpy(name.data() + 4, &c, 4);
  std::memcpy(name.data() + 8, &d, 4);
  std::string letters(name.data());
  if (letters == "KVMKVMKVM") return "KVM";
  if (letters == "Microsoft Hv") return "Hyper-V";
  if (letters == "VMwareVMware") return "VMware";
  if (letters == "XenVMMXenVMM") return "Xen";
  return letters;
#else
  return "";
#endif
}

/// Arm processors do not tell: there the firmware's name of the product is all there is.
std::string find_hypervisor(const fs::path& root, const std::vector<std::string>& flags) {
  const bool flagged = std::ranges::find(flags, "hypervisor") != flags.end();
  std::string name = read_system_text(root / "sys/hypervisor/type").value_or("");
  if (name.empty() && root == "/") name = hypervisor_of_processor();
  const fs::path firmware = root / "sys/class/dmi/id";
  const std::string product = read_system_text(firmware / "product_name").value_or("");
  const std::string maker = read_system_text(firmware / "sys_vendor").value_or("");
  if (name.empty() && (flagged || maker == "QEMU" || product.find("Virtual") != std::string::npos))
    name = product;
  return name.empty() && flagged ? "unknown" : name;
}

std::optional<bool> find_turbo(const fs::path& root) {
  const fs::path base = root / "sys/devices/system/cpu";
  if (const auto off = read_system_integer(base / "intel_pstate/no_turbo")) return *off == 0;
  if (const auto on = read_system_integer(base / "cpufreq/boost")) return *on != 0;
  return std::nullopt;
}

/// From cpufreq, from the firmware's tables (CPPC), from the model's name ("... @ 2.60GHz").
std::optional<double> find_nominal_mhz(const fs::path& cpu, const std::string& model) {
  if (const auto khz = read_system_integer(cpu / "cpufreq/base_frequency")) {
    return static_cast<double>(*khz) / khz_per_mhz;
  }
  if (const auto mhz = read_system_integer(cpu / "acpi_cppc/nominal_freq"); mhz && *mhz > 0) {
    return static_cast<double>(*mhz);
  }
  const std::size_t at = model.find("@ ");
  if (at != std::string::npos && model.ends_with("GHz")) {
    const double ghz = std::strtod(model.c_str() + at + 2, nullptr);
    constexpr double mhz_per_ghz = 1e3;
    if (ghz > 0) return std::round(ghz * mhz_per_ghz);
  }
  return std::nullopt;
}

std::string find_distribution(const fs::path& root) {
  const auto release = parse_keys(read_system_text(root / "etc/os-release").value_or(""), '=');
  std::string name = value_of(release, "PRETTY_NAME");
  std::erase(name, '"');
  return name;
}

void read_processor(Machine& machine, const std::map<std::string, std::string>& cpuinfo) {
  machine.cpu_model = value_of(cpuinfo, "model name");
  machine.microcode = value_of(cpuinfo, "microcode");
  if (cpuinfo.contains("vendor_id")) {
    machine.cpu_signature =
        fmt::format("{} {}/{}/{}", value_of(cpuinfo, "vendor_id"), value_of(cpuinfo, "cpu family"),
                    value_of(cpuinfo, "model"), value_of(cpuinfo, "stepping"));
  } else if (cpuinfo.contains("CPU implementer")) {
    machine.cpu_signature = fmt::format(
        "Arm {}/{}/{}r{}", value_of(cpuinfo, "CPU implementer"), value_of(cpuinfo, "CPU part"),
        value_of(cpuinfo, "CPU variant"), value_of(cpuinfo, "CPU revision"));
  }
  if (machine.cpu_model.empty()) machine.cpu_model = machine.cpu_signature;
}

}  // namespace

Machine describe_machine(const fs::path& root) {
  Machine machine;
  const auto cpuinfo = parse_keys(read_system_text(root / "proc/cpuinfo").value_or(""), ':');
  read_processor(machine, cpuinfo);
  // x86 says "flags", Arm says "Features".
  const auto flags = split_fields(value_of(cpuinfo, "flags") + " " + value_of(cpuinfo, "Features"));
  machine.instruction_sets = instruction_sets(flags);

  const std::vector<fs::path> cpus = cpu_folders(root);
  machine.logical_cores = std::max(1, static_cast<int>(cpus.size()));
  const int physical = count_physical_cores(cpus);
  machine.physical_cores = physical > 0 ? physical : machine.logical_cores;
  machine.smt = machine.logical_cores > machine.physical_cores;
  const auto nodes =
      parse_cpu_list(read_system_text(root / "sys/devices/system/node/online").value_or("0"));
  machine.numa_nodes = std::max(1, static_cast<int>(nodes.size()));

  const auto allowed = allowed_cpus(root).size();
  machine.usable_cores = allowed > 0 ? std::min(static_cast<int>(allowed), machine.logical_cores)
                                     : machine.logical_cores;
  machine.cpu_quota = cpu_quota(root);
  if (machine.cpu_quota) {
    machine.usable_cores =
        std::max(1, static_cast<int>(std::min<double>(machine.usable_cores, *machine.cpu_quota)));
  }

  const auto memory = parse_keys(read_system_text(root / "proc/meminfo").value_or(""), ':');
  constexpr std::int64_t bytes_per_kb = 1024;
  machine.memory_bytes = parse_integer(value_of(memory, "MemTotal")).value_or(0) * bytes_per_kb;
  machine.usable_memory_bytes = usable_memory(root, machine.memory_bytes);

  machine.kernel = read_system_text(root / "proc/sys/kernel/osrelease").value_or("");
  machine.distribution = find_distribution(root);
  machine.hypervisor = find_hypervisor(root, flags);
  machine.turbo = find_turbo(root);
  if (!cpus.empty()) {
    const fs::path& first = cpus.front();
    machine.caches = read_caches(first);
    machine.governor = read_system_text(first / "cpufreq/scaling_governor").value_or("");
    machine.nominal_mhz = find_nominal_mhz(first, machine.cpu_model);
    if (const auto khz = read_system_integer(first / "cpufreq/cpuinfo_max_freq")) {
      machine.maximum_mhz = static_cast<double>(*khz) / khz_per_mhz;
    }
  }
  return machine;
}

std::string machine_id(const Machine& machine) {
  constexpr double bytes_per_gib = 1024.0 * 1024.0 * 1024.0;
  ContentHash hash;
  hash.add(machine.cpu_model).add(machine.cpu_signature).add(machine.hypervisor);
  hash.add(fmt::format("{} {} {} {}", machine.logical_cores, machine.physical_cores,
                       machine.numa_nodes,
                       std::llround(static_cast<double>(machine.memory_bytes) / bytes_per_gib)));
  hash.add(fmt::format("{}", fmt::join(machine.instruction_sets, " ")));
  for (const CacheLevel& cache : machine.caches) {
    hash.add(fmt::format("{} {} {} {}", cache.level, cache.type, cache.bytes, cache.shared_by));
  }
  return hash.hex();
}

const CacheLevel* data_cache(const Machine& machine, int level) {
  for (const CacheLevel& cache : machine.caches) {
    if (cache.level == level && cache.type != "Instruction") return &cache;
  }
  return nullptr;
}

std::vector<int> spread_cpus(const fs::path& root) {
  struct Place {
    std::size_t among_siblings = 0;
    std::size_t in_cache = 0;  // of those that are as far among their siblings
    int cpu = 0;
    auto operator<=>(const Place&) const = default;
  };
  std::map<std::string, std::size_t> siblings_seen;
  std::map<std::pair<std::string, std::size_t>, std::size_t> cache_seen;
  std::vector<Place> places;
  for (const int cpu : allowed_cpus(root)) {
    const fs::path folder = root / "sys/devices/system/cpu" / fmt::format("cpu{}", cpu);
    const std::string siblings = siblings_of(folder);
    // Indices rise with the level; machines without a third one share nothing above the second.
    const std::string cache =
        read_system_text(folder / "cache/index3/shared_cpu_list").value_or(siblings);
    Place place{.cpu = cpu};
    if (!siblings.empty()) place.among_siblings = siblings_seen[siblings]++;
    place.in_cache = cache_seen[{cache, place.among_siblings}]++;
    places.push_back(place);
  }
  std::ranges::sort(places);
  std::vector<int> cpus;
  for (const Place& place : places) cpus.push_back(place.cpu);
  return cpus;
}

}  // namespace moliere::bench
