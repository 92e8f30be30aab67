# SPDX-License-Identifier: Apache-2.0
# LibTorch for training and the trained judges: learn, judge/classifier, flow, apps/moliere-flow.
# MOLIERE_TORCH=AUTO takes it where it is: Torch_DIR, else the torch wheel of MOLIERE_VENV
# (scripts/setup --all). OFF builds without; ON fails where it is missing.
set(MOLIERE_TORCH AUTO CACHE STRING "LibTorch: AUTO, ON or OFF")
set(MOLIERE_HAVE_TORCH OFF)
if(NOT MOLIERE_TORCH STREQUAL "OFF" AND NOT MOLIERE_SANITIZE)
  if(NOT Torch_DIR)
    file(GLOB wheels "${MOLIERE_VENV}/lib/python3*/site-packages/torch/share/cmake/Torch")
    list(APPEND CMAKE_PREFIX_PATH ${wheels})
  endif()
  # After Protobuf: Torch leaves a target of that name that leads nowhere.
  find_package(Torch QUIET)
  if(Torch_FOUND)
    set(MOLIERE_HAVE_TORCH ON)
    # As system headers: they do not keep our warnings. No vendor flags: they set the ABI only.
    add_library(moliere_torch INTERFACE)
    target_link_libraries(moliere_torch INTERFACE ${TORCH_LIBRARIES})
    target_include_directories(moliere_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
    message(STATUS "LibTorch ${Torch_VERSION} of ${Torch_DIR}")
  elseif(MOLIERE_TORCH STREQUAL "ON")
    message(FATAL_ERROR "LibTorch was not found (MOLIERE_TORCH=ON asks for it) run "
                        "scripts/setup --all, or give -DTorch_DIR=<libtorch>/share/cmake/Torch")
  else()
    message(STATUS "no LibTorch: moliere-flow is not built (scripts/setup --all gets it)")
  endif()
endif()
