// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/roofline.hpp"

#include "moliere/bench/machine_json.hpp"
#include "moliere/bench/roofline_kernels.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/hash.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <thread>

#include <sched.h>
#include <sys/mman.h>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

/// Of the cached file and of what the kernels do: to be raised when either changes.
constexpr int roofline_version = 1;

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;
/// Buffers are whole pages: also whole steps of every kernel.
constexpr std::int64_t page = 4 * kib;
constexpr std::int64_t huge_page = 2 * mib;  // of x86 and usually of Arm
constexpr int most_threads = 4096;

/// Everything is visited in several sweeps, so that a disturbance of a second spoils no figure:
/// the best of all counts.
constexpr int sweeps = 5;
constexpr int repeats_per_sweep = 20;
/// Long against the skew of the threads' start (about 1 us), short against a time slice of the
/// scheduler (some ms), so that some repeats are undisturbed even on a busy machine.
constexpr double shortest_repeat_s = 1e-3;
/// Up to 12 cycles each: 1 to 2 ms.
constexpr std::int64_t multiply_add_steps = 400'000;

std::int64_t whole_pages(std::int64_t bytes) { return std::max(page, bytes / page * page); }

/// Memory of one thread, in huge pages where the kernel gives them: then the bandwidth is the
/// memory's and not that of address translation, and the small working sets, which begin where this
/// begins, lie in one piece and do not collide in a cache.
class Buffer {
 public:
  explicit Buffer(std::int64_t bytes) {
    const auto size = static_cast<std::size_t>((bytes + huge_page - 1) / huge_page * huge_page);
    data_.reset(std::aligned_alloc(static_cast<std::size_t>(huge_page), size));
    if (data_ == nullptr) throw std::bad_alloc();
    ::madvise(data_.get(), size, MADV_HUGEPAGE);
  }

  std::span<std::uint32_t> first(std::int64_t bytes) {
    return {static_cast<std::uint32_t*>(data_.get()),
            static_cast<std::size_t>(bytes) / sizeof(std::uint32_t)};
  }

 private:
  struct Free {
    void operator()(void* data) const { std::free(data); }
  };
  std::unique_ptr<void, Free> data_;
};

/// Where threads wait for each other without sleeping, since waking up takes some 50 us.
class Rendezvous {
 public:
  explicit Rendezvous(int threads) : threads_(threads) {}
  /// Returns when all threads have come.
  void wait() {
    const unsigned round = round_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_.store(0);
      round_.fetch_add(1);
    }
    while (round_.load() == round && !cancelled_.load()) std::this_thread::yield();
  }
  /// Nobody waits any more.
  void cancel() { cancelled_.store(true); }
  bool is_cancelled() const { return cancelled_.load(); }

 private:
  int threads_;
  std::atomic<int> arrived_ = 0;
  std::atomic<unsigned> round_ = 0;
  std::atomic<bool> cancelled_ = false;
};

/// The scheduler may put two threads on one core while another one idles. A thread that cannot be
/// pinned (a cpuset that changed) runs where it is.
void pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= CPU_SETSIZE) return;
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

struct Interval {
  std::chrono::steady_clock::time_point begin;
  std::chrono::steady_clock::time_point end;
};

/// From the first one's start to the last one's end [s].
double seconds_of_all(const std::vector<Interval>& intervals) {
  const auto begin = std::ranges::min(intervals, {}, &Interval::begin).begin;
  const auto end = std::ranges::max(intervals, {}, &Interval::end).end;
  return std::chrono::duration<double>(end - begin).count();
}

/// Runs work(0) ... work(threads - 1) at the same time, `repeats` times over, each thread on one of
/// `cpus` while there are enough. The shortest time [s].
double shortest_s(const std::vector<int>& cpus, int threads, int repeats,
                  const std::function<void(int)>& work) {
  using Clock = std::chrono::steady_clock;
  const auto count = static_cast<std::size_t>(threads);
  // intervals[repeat][thread]
  std::vector<std::vector<Interval>> intervals(static_cast<std::size_t>(repeats),
                                               std::vector<Interval>(count));
  Rendezvous together(threads);
  const auto run = [&](std::size_t thread) {
    if (count <= cpus.size()) pin_this_thread(cpus[thread]);
    for (std::vector<Interval>& of_repeat : intervals) {
      together.wait();
      if (together.is_cancelled()) return;
      of_repeat[thread].begin = Clock::now();
      work(static_cast<int>(thread));
      of_repeat[thread].end = Clock::now();
    }
  };
  {
    std::vector<std::jthread> pool;
    try {
      for (std::size_t thread = 0; thread < count; ++thread) pool.emplace_back(run, thread);
    } catch (const std::system_error& error) {
      together.cancel();
      throw Error(fmt::format("cannot start {} threads", threads), error.what(),
                  "use fewer threads, or raise the limit of processes (ulimit -u)");
    }
  }
  double shortest = std::numeric_limits<double>::infinity();
  for (const std::vector<Interval>& of_repeat : intervals) {
    shortest = std::min(shortest, seconds_of_all(of_repeat));
  }
  return shortest;
}

/// What a thread computed, on a cache line of its own: written, so that it has to be computed.
struct alignas(64) Sink {
  volatile float value = 0;
};

/// Operations of all threads together [1/s].
double multiply_add_rate(const VectorPath& path, const std::vector<int>& cpus, int threads) {
  std::vector<Sink> sinks(static_cast<std::size_t>(threads));
  const double seconds = shortest_s(cpus, threads, repeats_per_sweep, [&](int thread) {
    // x <- x/2 + 1/2 goes to 1: no overflow, no denormals.
    sinks[static_cast<std::size_t>(thread)].value =
        path.multiply_add(multiply_add_steps, 0.5F, 0.5F);
  });
  return static_cast<double>(path.flops_per_step) * static_cast<double>(multiply_add_steps) *
         threads / seconds;
}

/// Keeps the best figure of each kernel while it goes round.
class Measurement {
 public:
  Measurement(const Machine& machine, int threads, Progress& progress)
      : threads_(threads),
        progress_(progress),
        cpus_(spread_cpus()),
        paths_(vector_paths()),
        levels_(memory_levels(machine, threads)),
        sinks_(static_cast<std::size_t>(threads)),
        steps_(static_cast<double>(sweeps) * static_cast<double>(levels_.size() + 1)) {
    roofline_.threads = threads;
    for (const MemoryLevel& level : levels_) {
      roofline_.bandwidths.push_back(
          {.level = level.name,
           .bytes = level.capacity_bytes,
           .measured_with_bytes = level.buffer_bytes_per_thread * threads});
    }
    std::int64_t largest = 0;
    for (const MemoryLevel& level : levels_) {
      largest = std::max(largest, level.buffer_bytes_per_thread);
    }
    for (int thread = 0; thread < threads; ++thread) {
      buffers_.emplace_back(largest);
    }
    // Written by the thread that reads it, or the page may lie at another core's memory; and
    // written at all, or every page would be the kernel's one page of zeros.
    shortest_s(cpus_, threads, 1,
               [&](int thread) { std::ranges::fill(buffer(thread).first(largest), 1U); });
  }

  Roofline run() {
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      tell("peak arithmetic");
      for (const VectorPath& path : paths_) measure_arithmetic(path);
      for (std::size_t level = 0; level < levels_.size(); ++level) {
        tell(fmt::format("bandwidth of {}", levels_[level].name));
        for (const VectorPath& path : paths_) measure_bandwidth(path, level);
      }
    }
    return roofline_;
  }

 private:
  Buffer& buffer(int thread) { return buffers_[static_cast<std::size_t>(thread)]; }
  void measure_arithmetic(const VectorPath& path) {
    const double rate = multiply_add_rate(path, cpus_, threads_);
    if (rate > roofline_.flops_f32_per_s) {
      roofline_.flops_f32_per_s = rate;
      roofline_.instruction_set = path.instruction_set;
    }
  }

  void measure_bandwidth(const VectorPath& path, std::size_t level) {
    const std::int64_t bytes = levels_[level].buffer_bytes_per_thread;
    std::int64_t passes = 1;
    const auto read = [&](int thread) {
      sinks_[static_cast<std::size_t>(thread)].value =
          static_cast<float>(path.sum(buffer(thread).first(bytes), passes));
    };
    double seconds = shortest_s(cpus_, threads_, 1, read);
    // A short reading may be a disturbed one: lengthened step by step.
    constexpr std::int64_t growth = 4;
    while (seconds < shortest_repeat_s) {
      passes *= growth;
      seconds = shortest_s(cpus_, threads_, 1, read);
    }
    // A pass over the memory can take a tenth of a second: fewer of them then.
    constexpr double time_per_sweep_s = 30e-3;
    constexpr int fewest_repeats = 1;
    const int repeats =
        std::clamp(static_cast<int>(time_per_sweep_s / seconds), fewest_repeats, repeats_per_sweep);
    seconds = std::min(seconds, shortest_s(cpus_, threads_, repeats, read));
    const double rate =
        static_cast<double>(bytes) * static_cast<double>(passes) * threads_ / seconds;
    double& best = roofline_.bandwidths[level].read_bytes_per_s;
    best = std::max(best, rate);
  }

  void tell(std::string_view what) {
    progress_.update(step_, steps_, fmt::format("roofline: {}", what));
    step_ += 1;
  }

  int threads_;
  Progress& progress_;
  std::vector<int> cpus_;
  std::vector<VectorPath> paths_;
  std::vector<MemoryLevel> levels_;
  std::vector<Sink> sinks_;
  std::vector<Buffer> buffers_;
  Roofline roofline_;
  double step_ = 0;
  double steps_;
};

void check_threads(int threads) {
  if (threads < 1 || threads > most_threads) {
    throw Error(fmt::format("cannot measure the machine's limits with {} threads", threads),
                fmt::format("1 to {} are possible", most_threads), "give another number");
  }
}

/// What a cached roofline depends on, in words: its file says what it is for.
Json cache_key(const Machine& machine, int threads) {
  return {{"version", roofline_version},
          {"kernels", kernel_build()},
          {"machine", machine_id(machine)},
          {"cpu_model", machine.cpu_model},
          {"governor", machine.governor},
          {"turbo", machine.turbo ? Json(*machine.turbo) : Json()},
          {"usable_cores", machine.usable_cores},
          {"threads", threads}};
}

bool is_sound(const Roofline& roofline, int threads) {
  const auto is_rate = [](double value) { return std::isfinite(value) && value > 0; };
  return roofline.threads == threads && is_rate(roofline.flops_f32_per_s) &&
         !roofline.bandwidths.empty() &&
         std::ranges::all_of(roofline.bandwidths, is_rate, &Roofline::Bandwidth::read_bytes_per_s);
}

/// Nothing for a file that is not there, damaged, or about something else.
std::optional<Roofline> read_cached(const fs::path& file, const Json& key) {
  try {
    const Json json = read_json(file);
    if (json.at("key") != key) return std::nullopt;
    const Roofline roofline = roofline_from_json(json.at("roofline"));
    if (!is_sound(roofline, key.at("threads").get<int>())) return std::nullopt;
    return roofline;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<MemoryLevel> memory_levels(const Machine& machine, int threads) {
  std::vector<MemoryLevel> levels;
  std::int64_t inner_bytes = 0;  // of the level before, for each thread
  std::int64_t largest_capacity = 0;
  constexpr int deepest_cache = 4;
  for (int level = 1; level <= deepest_cache; ++level) {
    const CacheLevel* cache = data_cache(machine, level);
    if (cache == nullptr || cache->bytes <= 0) continue;
    // Threads spread over the caches of a level before they share one.
    const int instances = std::max(1, machine.logical_cores / std::max(1, cache->shared_by));
    const int threads_per_cache = (threads + instances - 1) / instances;
    const std::int64_t capacity = cache->bytes * std::min(threads, instances);
    // Half of the cache, or the share of its cores: a large part of a large cache is slow to reach,
    // and the limit is to be a bound. Twice the level before at least, or that one would be
    // measured again.
    const int parts = std::max(2 * threads_per_cache, cache->shared_by);
    const std::int64_t buffer = std::max(cache->bytes / parts, 2 * inner_bytes);
    levels.push_back({.name = fmt::format("L{}", level),
                      .capacity_bytes = capacity,
                      .buffer_bytes_per_thread = whole_pages(buffer)});
    inner_bytes = cache->bytes / threads_per_cache;
    largest_capacity = std::max(largest_capacity, capacity);
  }
  // Four times the caches leaves at most a quarter of it in them; 64 MiB where none is known.
  constexpr std::int64_t times_cache = 4;
  constexpr std::int64_t at_least = 64 * mib;
  std::int64_t memory_buffer = std::max(times_cache * largest_capacity, at_least);
  if (machine.usable_memory_bytes > 0) {
    memory_buffer = std::min(memory_buffer, machine.usable_memory_bytes / 4);
  }
  levels.push_back({.name = "DRAM",
                    .capacity_bytes = machine.memory_bytes,
                    .buffer_bytes_per_thread = whole_pages(memory_buffer / threads)});
  return levels;
}

double measure_peak_f32(int threads) {
  check_threads(threads);
  const std::vector<int> cpus = spread_cpus();
  double peak = 0;
  for (const VectorPath& path : vector_paths()) {
    peak = std::max(peak, multiply_add_rate(path, cpus, threads));
  }
  return peak;
}

Roofline measure_roofline(int threads, Progress& progress) {
  check_threads(threads);
  return Measurement(describe_machine(), threads, progress).run();
}

Roofline cached_roofline(const fs::path& cache, int threads, bool refresh, Progress& progress) {
  return cached_roofline(cache, describe_machine(), threads, refresh,
                         [&] { return measure_roofline(threads, progress); });
}

Roofline cached_roofline(const fs::path& cache, const Machine& machine, int threads, bool refresh,
                         const std::function<Roofline()>& measure) {
  const Json key = cache_key(machine, threads);
  const fs::path file = cache / "roofline" / (ContentHash().add(key.dump()).hex() + ".json");
  if (!refresh) {
    if (std::optional<Roofline> known = read_cached(file, key)) return *std::move(known);
  }
  Roofline roofline = measure();
  try {
    write_json(file, {{"key", key}, {"roofline", to_json(roofline)}});
  } catch (const Error&) {
    // It is measured again next time.
  }
  return roofline;
}

Limit roofline_limit(const Roofline& roofline, std::int64_t flops, std::int64_t compulsory_bytes,
                     std::int64_t working_set_bytes) {
  if (flops < 0 || compulsory_bytes < 0 || working_set_bytes < 0) {
    throw Error("the cost of the work is negative",
                fmt::format("{} FLOP, {} bytes, a working set of {} bytes", flops, compulsory_bytes,
                            working_set_bytes),
                "check the model's shapes");
  }
  if (!(roofline.flops_f32_per_s > 0)) {
    throw Error("the machine's limits are not known", "the roofline has no peak",
                "measure it again");
  }
  Limit limit{.seconds = static_cast<double>(flops) / roofline.flops_f32_per_s,
              .bound_by_arithmetic = true};
  for (const Roofline::Bandwidth& level : roofline.bandwidths) {
    const bool is_last = &level == &roofline.bandwidths.back();
    if (working_set_bytes > level.bytes && !is_last) continue;
    limit.level = level.level;
    const double seconds = static_cast<double>(compulsory_bytes) / level.read_bytes_per_s;
    if (seconds > limit.seconds) {
      limit.seconds = seconds;
      limit.bound_by_arithmetic = false;
    }
    break;
  }
  return limit;
}

}  // namespace moliere::bench
