# SPDX-License-Identifier: Apache-2.0
# moliere_add_test(NAME SOURCES... [DEPENDS modules...] [LINK libs...] [LABELS ...] [ENVIRONMENT A=B...])
#
# One GoogleTest executable, registered test by test. A test finds the optional reference data
# through the variable MOLIERE_SHARED alone and skips, with a reason, where that is not set.
# MOLIERE_BINARY_DIR names the build folder (executables, engines), MOLIERE_SOURCE_DIR the sources.
function(moliere_add_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LINK;LABELS;ENVIRONMENT" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND "moliere::")
  add_executable(test_${NAME} ${ARG_SOURCES})
  target_link_libraries(test_${NAME} PRIVATE moliere_flags ${ARG_DEPENDS} ${ARG_LINK}
                                             GTest::gmock GTest::gtest GTest::gtest_main)
  target_include_directories(test_${NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  gtest_discover_tests(
    test_${NAME} TEST_PREFIX "${NAME}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT
    "MOLIERE_BINARY_DIR=${PROJECT_BINARY_DIR};MOLIERE_SOURCE_DIR=${PROJECT_SOURCE_DIR};${ARG_ENVIRONMENT}")
endfunction()
