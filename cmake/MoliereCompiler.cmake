# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers: what every target of the project is compiled with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
find_program(MOLIERE_CCACHE ccache)
if(MOLIERE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${MOLIERE_CCACHE}")
endif()

add_library(moliere_flags INTERFACE)
target_compile_options(moliere_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                               -Wno-sign-conversion
                                               -Wno-missing-field-initializers -Wnon-virtual-dtor
                                               -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 finds these in its own headers once they are inlined (its bugs 105329, 105545, 107852).
  target_compile_options(moliere_flags INTERFACE -Wno-restrict -Wno-stringop-overread
                                                 -Wno-maybe-uninitialized)
  if(CMAKE_UNITY_BUILD)  # what an Impl of a source keeps for itself looks there like a header's
    target_compile_options(moliere_flags INTERFACE -Wno-subobject-linkage)
  endif()
endif()
if(MOLIERE_WERROR)
  target_compile_options(moliere_flags INTERFACE -Werror)
endif()
if(MOLIERE_SANITIZE)
  # -fno-sanitize-recover: an undefined behaviour fails the test instead of printing a line.
  add_compile_options(-fsanitize=${MOLIERE_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MOLIERE_SANITIZE})
endif()
