# SPDX-License-Identifier: Apache-2.0
# moliere_add_engine(NAME [SOURCES files...] [LINK libs...])
#
# Makes the worker of one engine: the executable engines/NAME/worker of the build folder, beside
# the manifest engine.json that tells `moliere` how to start it (docs/formats/engine.md). A worker
# that is not compiled (Python) gives no SOURCES and its manifest names its own command.
function(moliere_add_engine NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  set(folder "${PROJECT_BINARY_DIR}/engines/${NAME}")
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/engine.json" "${folder}/engine.json" COPYONLY)
  if(ARG_SOURCES)
    add_executable(worker_${NAME} ${ARG_SOURCES})
    target_link_libraries(worker_${NAME} PRIVATE moliere_flags moliere::worker ${ARG_LINK})
    set_target_properties(worker_${NAME} PROPERTIES OUTPUT_NAME worker RUNTIME_OUTPUT_DIRECTORY
                                                    "${folder}")
    add_dependencies(engines worker_${NAME})
    install(TARGETS worker_${NAME} DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/moliere/engines/${NAME}")
  endif()
  install(FILES engine.json DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/moliere/engines/${NAME}")
endfunction()
