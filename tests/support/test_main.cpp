// SPDX-License-Identifier: Apache-2.0
// main() of every test: says where the build and the sources lie, so that a test runs the same
// under ctest and by hand.
#include <cstdlib>

#include <gmock/gmock.h>

int main(int argc, char** argv) {
  ::setenv("MOLIERE_BINARY_DIR", MOLIERE_TEST_BINARY_DIR, 0);
  ::setenv("MOLIERE_SOURCE_DIR", MOLIERE_TEST_SOURCE_DIR, 0);
  ::setenv("MOLIERE_VENV", MOLIERE_TEST_VENV, 0);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
