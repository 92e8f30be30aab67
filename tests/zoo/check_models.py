#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the built-in models to other people's software.

usage: check_models.py FOLDER

Every model below FOLDER passes onnx.checker, runs under ONNX Runtime, depends on its inputs
element by element, and gives numbers of order one. Exit code 1 with a line for each that does not,
77 where a package is missing.
"""
import pathlib
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

# The batch of 32 has 172 GFLOP a call; its network is run at batch 3.
ONLY_CHECKED = {"default/Conv_d100_L14_B32"}
# Six calls: an element behind a final ReLU is shut in all of them by chance once in 64.
CALLS = 6
LEAST_ALIVE = 0.95
NODES = 16  # of an event of graph_network, whose inputs are indices


def outputs_of(path, rng):
    """Outputs (CALLS, ...) for inputs in [0, 1)."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    results = []
    for _ in range(CALLS):
        inputs = {}
        for spec in session.get_inputs():
            shape = [n if isinstance(n, int) else 2 for n in spec.shape]
            if spec.type == "tensor(int64)":
                inputs[spec.name] = rng.integers(0, NODES, shape)
            else:
                inputs[spec.name] = rng.random(shape, dtype=np.float32)
        results.append(session.run(None, inputs)[0])
    return np.array(results)


def faults(path, label, rng):
    onnx.checker.check_model(str(path), full_check=True)
    if label in ONLY_CHECKED:
        return []
    y = outputs_of(path, rng)
    spread = y.std(axis=0)
    alive = float((spread > 1e-3 * np.abs(y).max()).mean())
    found = []
    if alive < LEAST_ALIVE:
        found.append(f"only {alive:.1%} of its outputs depend on the input")
    if not 0.02 < y.std() < 5:
        found.append(f"the standard deviation of its outputs is {y.std():.3g}")
    return found


def main(folder):
    rng = np.random.default_rng(1)
    failed = False
    paths = sorted(pathlib.Path(folder).glob("*/*.onnx"))
    for path in paths:
        label = f"{path.parent.name}/{path.stem}"
        try:
            found = faults(path, label, rng)
        except Exception as error:  # whatever the two packages throw is the finding
            found = [str(error)]
        for fault in found:
            print(f"{label}: {fault}")
            failed = True
    if not paths:
        print(f"{folder} holds no models")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
