// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reading the kernel's text files below /proc and /sys. What is missing or malformed is empty,
/// never an error: every machine lacks some of them. `root` is "/" except in tests.
namespace moliere::bench {

/// The kernel gives frequencies in kHz.
constexpr double khz_per_mhz = 1e3;

/// The file's text without white space at its ends.
std::optional<std::string> read_system_text(const std::filesystem::path& file);
/// A file that holds one integer.
std::optional<std::int64_t> read_system_integer(const std::filesystem::path& file);

/// The integer that `text` begins with.
std::optional<std::int64_t> parse_integer(std::string_view text);
/// Bytes of "48K", "2M", "512".
std::optional<std::int64_t> parse_size(std::string_view text);
/// CPUs of a list such as "0-3,8": {0, 1, 2, 3, 8}.
std::vector<int> parse_cpu_list(std::string_view text);
/// Fields between runs of spaces, tabs and newlines.
std::vector<std::string> split_fields(std::string_view text);
/// Lines "key<separator>value", white space at both ends removed; of equal keys the first counts.
std::map<std::string, std::string> parse_keys(std::string_view text, char separator);
/// The value of `key`, or "".
std::string value_of(const std::map<std::string, std::string>& values, const std::string& key);

/// Folders of the control groups that `controller` ("cpu", "memory") limits this process by, the
/// process's own first, then those above it: a limit holds for all below. Version 2 has one
/// hierarchy, version 1 one for each controller; both are looked at, since systems mount both.
struct ControlGroups {
  std::vector<std::filesystem::path> version1;
  std::vector<std::filesystem::path> version2;
};
ControlGroups control_groups(const std::filesystem::path& root, std::string_view controller);

}  // namespace moliere::bench
