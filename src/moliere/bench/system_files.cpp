// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/system_files.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view space(" \t\n\r\0", 5);
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(space) - first + 1));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool contains(const std::vector<std::string>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

/// One line of /proc/self/mountinfo that mounts control groups (proc_pid_mountinfo(5)).
struct GroupMount {
  std::string top;          // of the hierarchy, what is mounted
  std::string mount_point;  // where it is seen
  bool is_version2 = false;
  std::vector<std::string> options;
};

std::vector<GroupMount> group_mounts(const fs::path& root) {
  std::vector<GroupMount> mounts;
  const std::string text = read_system_text(root / "proc/self/mountinfo").value_or("");
  for (const std::string& line : split(text, '\n')) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    const std::vector<std::string> before = split_fields(line.substr(0, separator));
    const std::vector<std::string> after = split_fields(line.substr(separator + 3));
    if (before.size() < 5 || after.size() < 3 || !after[0].starts_with("cgroup")) continue;
    mounts.push_back({.top = before[3],
                      .mount_point = before[4],
                      .is_version2 = after[0] == "cgroup2",
                      .options = split(after[2], ',')});
  }
  return mounts;
}

/// The folders from that of group `group` up to the mount point.
std::vector<fs::path> folders_upwards(const fs::path& root, const GroupMount& mount,
                                      const std::string& group) {
  const fs::path base = root / fs::path(mount.mount_point).relative_path();
  // A container may see only a part of the hierarchy, with names from the top of the whole.
  const std::string below =
      mount.top != "/" && group.starts_with(mount.top) ? group.substr(mount.top.size()) : group;
  std::vector<fs::path> folders;
  for (fs::path part = fs::path(below).relative_path(); !part.empty(); part = part.parent_path()) {
    folders.push_back(base / part);
  }
  folders.push_back(base);
  return folders;
}

}  // namespace

std::optional<std::string> read_system_text(const fs::path& file) {
  // Not read_text(): these files say that their size is 0.
  std::ifstream stream(file);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return trimmed(text.str());
}

std::optional<std::int64_t> read_system_integer(const fs::path& file) {
  const std::optional<std::string> text = read_system_text(file);
  return text ? parse_integer(*text) : std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const std::optional<std::int64_t> number = parse_integer(text);
  if (!number || *number < 0) return std::nullopt;
  constexpr std::int64_t kibi = 1024;
  const char unit = text.back();
  return *number * (unit == 'K' ? kibi : unit == 'M' ? kibi * kibi : 1);
}

std::vector<int> parse_cpu_list(std::string_view text) {
  // More than any kernel is built for (CONFIG_NR_CPUS): a malformed file may not fill the memory.
  constexpr std::int64_t most_cpus = 1 << 16;
  std::vector<int> cpus;
  for (const std::string& range : split(trimmed(text), ',')) {
    const std::size_t dash = range.find('-');
    const std::optional<std::int64_t> first = parse_integer(range);
    const std::optional<std::int64_t> last =
        dash == std::string::npos ? first : parse_integer(std::string_view(range).substr(dash + 1));
    if (!first || !last || *first < 0 || *last >= most_cpus) continue;
    for (std::int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

std::vector<std::string> split_fields(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> fields;
  for (std::string field; stream >> field;) fields.push_back(field);
  return fields;
}

std::map<std::string, std::string> parse_keys(std::string_view text, char separator) {
  std::map<std::string, std::string> values;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t position = line.find(separator);
    if (position == std::string::npos) continue;
    values.emplace(trimmed(line.substr(0, position)), trimmed(line.substr(position + 1)));
  }
  return values;
}

std::string value_of(const std::map<std::string, std::string>& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? "" : found->second;
}

ControlGroups control_groups(const fs::path& root, std::string_view controller) {
  ControlGroups groups;
  const std::vector<GroupMount> mounts = group_mounts(root);
  const std::string text = read_system_text(root / "proc/self/cgroup").value_or("");
  for (const std::string& line : split(text, '\n')) {
    // "hierarchy:controller,controller:group"; version 2 is "0::group".
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_version2 = controllers.empty();
    if (!is_version2 && !contains(split(controllers, ','), controller)) continue;
    for (const GroupMount& mount : mounts) {
      if (mount.is_version2 != is_version2) continue;
      if (!is_version2 && !contains(mount.options, controller)) continue;
      auto& folders = is_version2 ? groups.version2 : groups.version1;
      folders = folders_upwards(root, mount, line.substr(second + 1));
      break;
    }
  }
  return groups;
}

}  // namespace moliere::bench
