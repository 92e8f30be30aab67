#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ONNX's backend node tests as files: dump_node_tests.py FOLDER

FOLDER/NAME/model.onnx, input_<i>.pb, output_<i>.pb (TensorProto) for each test, and last
FOLDER/index.tsv with one line per test: name, rtol, atol, 1 where all inputs and outputs are
float32, number of inputs, number of outputs, and a value of a kind that is no tensor of numbers
(sequence, optional, string, ...) or '-'; such a test has no .pb files.
Ends with 77 (skipped) where the package `onnx` is missing.
"""

import pathlib
import sys

try:
    import numpy as np

    # The tests draw their inputs when the modules are imported.
    np.random.seed(0)
    import onnx
    from onnx.backend.test.loader import load_model_tests
except ImportError as error:
    print(f"the node tests cannot be made ({error}) run scripts/setup")
    sys.exit(77)

NUMBERS = {
    getattr(onnx.TensorProto, name)
    for name in "FLOAT DOUBLE FLOAT16 BFLOAT16 INT64 INT32 INT16 INT8 UINT64 UINT32 UINT16 UINT8 BOOL".split()
}


def types_of(model):
    """Element types of the inputs and outputs, or the name of what is no tensor of numbers."""
    types = []
    for info in list(model.graph.input) + list(model.graph.output):
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            return None, kind.removesuffix("_type")
        element = info.type.tensor_type.elem_type
        if element not in NUMBERS:
            return None, onnx.TensorProto.DataType.Name(element).lower()
        types.append(element)
    return types, "-"


def write_values(folder, kind, values):
    for i, value in enumerate(values):
        is_proto = isinstance(value, onnx.TensorProto)
        proto = value if is_proto else onnx.numpy_helper.from_array(np.asarray(value))
        (folder / f"{kind}_{i}.pb").write_bytes(proto.SerializeToString())


def main(root):
    index = root / "index.tsv"
    # The stamp: the tests are those of this version and are complete.
    stamp = f"# onnx {onnx.__version__}"
    if index.exists() and index.read_text().startswith(stamp + "\n"):
        return
    index.unlink(missing_ok=True)
    lines = [stamp]
    for case in load_model_tests(kind="node"):
        folder = root / case.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        (inputs, outputs), = case.data_sets
        types, odd = types_of(case.model)
        if types is not None:
            write_values(folder, "input", inputs)
            write_values(folder, "output", outputs)
        float32 = types is not None and set(types) == {onnx.TensorProto.FLOAT}
        fields = [case.name, case.rtol, case.atol, int(float32), len(inputs), len(outputs), odd]
        lines.append("\t".join(map(str, fields)))
    part = root / "index.tsv.part"
    part.write_text("\n".join(lines) + "\n")
    part.rename(index)
    print(f"{len(lines) - 1} node tests of onnx {onnx.__version__} in {root}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
