# SPDX-License-Identifier: Apache-2.0
# moliere_add_test(NAME SOURCES... [DEPENDS modules...] [LINK libs...] [LABELS one] [TIMEOUT s])
#
# One GoogleTest executable, registered test by test. A test finds the optional reference data
# through the variable MOLIERE_SHARED alone and skips, with a reason, where that is not set.
# tests/support/test_main.cpp sets MOLIERE_BINARY_DIR (executables, engines), MOLIERE_SOURCE_DIR and
# MOLIERE_VENV where the caller has not.
function(moliere_add_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LINK;LABELS" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND "moliere::")
  add_executable(test_${NAME} ${ARG_SOURCES})
  target_link_libraries(test_${NAME} PRIVATE moliere_flags ${ARG_DEPENDS} ${ARG_LINK}
                                             moliere_test_main)
  target_include_directories(test_${NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  # What is tested lies in the libraries; the tests' own code is compiled more often than it runs.
  if(MOLIERE_SANITIZE)
    target_compile_options(test_${NAME} PRIVATE -O0)
  else()
    target_compile_options(test_${NAME} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(properties TIMEOUT ${ARG_TIMEOUT})
  if(ARG_LABELS)  # an empty value would shift the list of properties
    list(APPEND properties LABELS "${ARG_LABELS}")
  endif()
  gtest_discover_tests(test_${NAME} TEST_PREFIX "${NAME}." DISCOVERY_MODE PRE_TEST
                       DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()
