# SPDX-License-Identifier: Apache-2.0
# What another project finds with find_package(Moliere): the libraries moliere::<module>.
include(CMakePackageConfigHelpers)
get_property(modules GLOBAL PROPERTY MOLIERE_MODULES)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Moliere")
install(TARGETS moliere DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS ${modules} EXPORT MoliereTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY src/moliere DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING
        PATTERN "*.hpp" PATTERN "detail" EXCLUDE)
install(EXPORT MoliereTargets NAMESPACE moliere:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/MoliereConfig.cmake.in
                              "${PROJECT_BINARY_DIR}/MoliereConfig.cmake"
                              INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/MoliereConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/MoliereConfig.cmake"
              "${PROJECT_BINARY_DIR}/MoliereConfigVersion.cmake" DESTINATION "${package_folder}")
