# SPDX-License-Identifier: Apache-2.0
# moliere_add_module(NAME [DEPENDS modules...] [LINK public...] [PRIVATE_LINK private...])
#
# Makes the library moliere::NAME from every *.cpp of the calling folder, and one translation unit
# per public header, so that each header is known to compile alone. A folder without *.cpp is a
# header-only module.
function(moliere_add_module NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK;PRIVATE_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.hpp")
  list(TRANSFORM ARG_DEPENDS PREPEND "moliere::")
  set(target moliere_${NAME})
  if(sources)
    set(scope PUBLIC)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:moliere_flags> ${ARG_PRIVATE_LINK})
  else()
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  add_library(moliere::${NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME})
  target_include_directories(${target} ${scope} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} ${scope} cxx_std_20)
  target_link_libraries(${target} ${scope} ${ARG_DEPENDS} ${ARG_LINK})
  set_property(GLOBAL APPEND PROPERTY MOLIERE_MODULES ${target})

  set(units)
  foreach(header IN LISTS headers)
    get_filename_component(stem "${header}" NAME_WE)
    set(unit "${CMAKE_CURRENT_BINARY_DIR}/header_test/${stem}.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT
         "#include \"moliere/${NAME}/${stem}.hpp\"\n#include \"moliere/${NAME}/${stem}.hpp\"\n")
    list(APPEND units "${unit}")
  endforeach()
  if(units AND MOLIERE_BUILD_TESTS AND NOT MOLIERE_SANITIZE)
    add_library(header_test_${NAME} OBJECT ${units})
    target_link_libraries(header_test_${NAME} PRIVATE moliere::${NAME} moliere_flags)
    # Side by side, one header would lend its includes to the next.
    set_target_properties(header_test_${NAME} PROPERTIES UNITY_BUILD OFF)
    target_compile_options(header_test_${NAME} PRIVATE $<$<CONFIG:Release>:-O0>)
  endif()
endfunction()
