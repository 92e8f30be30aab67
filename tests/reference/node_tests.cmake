# SPDX-License-Identifier: Apache-2.0
# ONNX's own backend node tests: a script of the private environment writes them as files, one
# executable runs them all. Skipped where the environment lacks the package `onnx`.
add_executable(node_tests node_tests.cpp)
target_link_libraries(node_tests PRIVATE moliere_flags moliere::reference fmt::fmt)
set(node_tests_folder "${CMAKE_BINARY_DIR}/node_tests")
file(MAKE_DIRECTORY "${node_tests_folder}")
set(node_tests_python "${MOLIERE_VENV}/bin/python")
if(NOT EXISTS "${node_tests_python}")
  set(node_tests_python python3)
endif()
add_test(NAME reference.node_tests_dump
         COMMAND "${node_tests_python}" -W ignore
                 "${CMAKE_CURRENT_SOURCE_DIR}/dump_node_tests.py" "${node_tests_folder}")
set_tests_properties(reference.node_tests_dump PROPERTIES FIXTURES_SETUP node_tests
                                                          SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME reference.node_tests
         COMMAND node_tests "${node_tests_folder}"
                 "${CMAKE_CURRENT_SOURCE_DIR}/node_tests_exceptions.txt")
set_tests_properties(reference.node_tests PROPERTIES FIXTURES_REQUIRED node_tests
                                                     SKIP_RETURN_CODE 77 TIMEOUT 300)
