# SPDX-License-Identifier: Apache-2.0
# The machine: what it is, how busy it is, what it can do, what is wrong with it.
moliere_add_test(
  bench_machine
  SOURCES calibration_kernel_test.cpp doctor_test.cpp machine_json_test.cpp machine_test.cpp
          roofline_kernels_test.cpp roofline_test.cpp system_files_test.cpp telemetry_test.cpp
  DEPENDS bench)
