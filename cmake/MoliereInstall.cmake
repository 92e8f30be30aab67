# SPDX-License-Identifier: Apache-2.0
install(TARGETS moliere DESTINATION "${CMAKE_INSTALL_BINDIR}")
