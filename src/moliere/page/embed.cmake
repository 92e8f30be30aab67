# SPDX-License-Identifier: Apache-2.0
# cmake -D NAME=name -D FILE=in -D SOURCE=out.cpp -P embed.cmake: a file as the bytes of a source.
file(READ "${FILE}" bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE "${SOURCE}" "// Made from ${FILE} by embed.cmake.
#include \"moliere/page/detail/assets.hpp\"

namespace moliere::page::detail {
namespace {
constexpr char bytes[] = {
${bytes}};
}
std::string_view ${NAME}() { return {bytes, sizeof bytes}; }
}  // namespace moliere::page::detail
")
