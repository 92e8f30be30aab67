// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/error.hpp"

#include <string>

#include <gtest/gtest.h>

namespace moliere::test {

/// What `call` throws as an Error; the test fails when it throws nothing.
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return {};
}

}  // namespace moliere::test
