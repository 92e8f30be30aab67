#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzzer onnx_fuzz: make_corpus.py FOLDER

Tiny models that reach every part of the reader, the shape rules and the cost model, and nasty ones.
Needs the package `onnx`; the files are the same for the same version of it.
"""

import pathlib
import sys

import onnx
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def value(name, shape=None, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name, shape, numbers=None, kind=FLOAT):
    count = 1
    for extent in shape:
        count *= extent
    return helper.make_tensor(name, kind, shape, numbers if numbers is not None else [0.5] * count)


def integers(name, numbers):
    return weights(name, [len(numbers)], numbers, INT64)


def model(nodes, inputs, outputs, initializers=(), opset=17, functions=(), **keywords):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers), **keywords)
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid("local", 1)] * bool(functions)
    made = helper.make_model(graph, opset_imports=imports, functions=list(functions))
    made.producer_name, made.ir_version = "", 8
    return made


def chain(*steps, shape=("batch", 4), initializers=(), **keywords):
    """x -> step -> step -> y; a step is (operator, further inputs, attributes)."""
    nodes, name = [], "x"
    for i, (operator, more, attributes) in enumerate(steps):
        last = "y" if i + 1 == len(steps) else f"v{i}"
        nodes.append(helper.make_node(operator, [name, *more], [last], **attributes))
        name = last
    return model(nodes, [value("x", shape)], [value("y")], initializers, **keywords)


def good():
    yield "mlp", chain(
        ("Gemm", ["w", "b"], {"transB": 1}), ("BatchNormalization", ["s", "s", "s", "s"], {}),
        ("LeakyRelu", [], {"alpha": 0.3}), ("Dropout", [], {}), ("Softmax", [], {"axis": -1}),
        initializers=[weights("w", [3, 4]), weights("b", [3]), weights("s", [3])])
    yield "conv", chain(
        ("Conv", ["w", "b"], {"strides": [2, 1], "pads": [1, 0, 1, 0], "dilations": [1, 1], "group": 2}),
        ("MaxPool", [], {"kernel_shape": [2, 2], "ceil_mode": 1}), ("GlobalAveragePool", [], {}), ("Flatten", [], {}),
        shape=("N", 4, 6, 5), initializers=[weights("w", [2, 2, 3, 2]), weights("b", [2])])
    yield "conv_transpose", chain(
        ("ConvTranspose", ["w"], {"output_padding": [1], "strides": [2], "auto_pad": "SAME_UPPER"}),
        ("AveragePool", [], {"kernel_shape": [2], "auto_pad": "SAME_LOWER"}),
        shape=(1, 2, 5), initializers=[weights("w", [2, 1, 3])])
    yield "reshape_chain", model(
        [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
         helper.make_node("Mul", ["n", "two"], ["m"]), helper.make_node("Cast", ["m"], ["f"], to=FLOAT),
         helper.make_node("Floor", ["f"], ["ff"]), helper.make_node("Cast", ["ff"], ["i"], to=INT64),
         helper.make_node("Concat", ["i", "minus"], ["t"], axis=0), helper.make_node("Reshape", ["x", "t"], ["y"])],
        [value("x", ["batch", 4])], [value("y")],
        [integers("zero", [0]), integers("two", [2]), integers("minus", [-1])])
    yield "views", chain(
        ("Unsqueeze", ["a"], {}), ("Transpose", [], {"perm": [0, 2, 1]}), ("Squeeze", ["b"], {}),
        ("Identity", [], {}), ("Expand", ["e"], {}), ("Tile", ["t"], {}), ("Pad", ["p"], {}),
        initializers=[integers("a", [1]), integers("b", [2]), integers("e", [3, 2, 4]), integers("t", [1, 2, 1]),
                      integers("p", [0, 1, 0, 0, -1, 0])])
    yield "slices", model(
        [helper.make_node("Slice", ["x", "s", "e", "a", "st"], ["u"]), helper.make_node("Split", ["u", "sp"], ["p", "q"], axis=0),
         helper.make_node("Concat", ["q", "p"], ["c"], axis=0), helper.make_node("GatherND", ["c", "i"], ["y"])],
        [value("x", [4, 6])], [value("y")],
        [integers("s", [5]), integers("e", [-100]), integers("a", [1]), integers("st", [-2]), integers("sp", [1, 3]),
         weights("i", [2, 1], [0, 1], INT64)])
    yield "reductions", model(
        [helper.make_node("ReduceMean", ["x"], ["a"], axes=[-1], keepdims=1), helper.make_node("Sub", ["x", "a"], ["b"]),
         helper.make_node("ReduceSum", ["b", "axes"], ["c"], keepdims=0), helper.make_node("ArgMax", ["c"], ["y"], axis=0),
         helper.make_node("TopK", ["x", "k"], ["tv", "ti"])],
        [value("x", ["n", 4])], [value("y"), value("tv"), value("ti")], [integers("axes", [1]), integers("k", [2])])
    for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        yield kind.lower(), model(
            [helper.make_node(kind, ["x", "w", "r", "b"], ["y", "h"], hidden_size=2, direction="forward")],
            [value("x", [3, "batch", 2])], [value("y"), value("h")],
            [weights("w", [1, 2 * gates, 2]), weights("r", [1, 2 * gates, 2]), weights("b", [1, 4 * gates])])
    yield "attention", chain(
        ("LayerNormalization", ["s"], {"axis": -1}), ("MatMul", ["w"], {}), ("Attention", ["k", "k"], {"q_num_heads": 2, "kv_num_heads": 2}),
        shape=(2, 3, 4), opset=23, initializers=[weights("s", [4]), weights("w", [4, 4]), weights("k", [2, 3, 4])])
    yield "einsum", model(
        [helper.make_node("Einsum", ["x", "x"], ["y"], equation="...ij, ...kj -> ...ik")], [value("x", [2, 3, 4])], [value("y")])
    yield "generators", model(
        [helper.make_node("Range", ["a", "b", "c"], ["r"]), helper.make_node("ConstantOfShape", ["r"], ["z"], value=weights("", [1], [7], INT64)),
         helper.make_node("OneHot", ["r", "d", "v"], ["o"], axis=0), helper.make_node("Constant", [], ["k"], value_floats=[1.0, 2.0]),
         helper.make_node("Trilu", ["o"], ["y"]), helper.make_node("NonZero", ["x"], ["nz"])],
        [value("x", [1])], [value("y"), value("z"), value("k"), value("nz")],
        [weights("a", [], [1], INT64), weights("b", [], [5], INT64), weights("c", [], [2], INT64), weights("d", [], [3], INT64), weights("v", [2])])
    then = helper.make_graph([helper.make_node("Relu", ["x"], ["t"])], "t", [], [value("t")])
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["e"])], "e", [], [value("e")])
    yield "if", model([helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
                      [value("x", [2]), value("c", [], TensorProto.BOOL)], [value("y")])
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["k"]), helper.make_node("Add", ["s", "x"], ["o"])], "b",
                             [value("i", [], INT64), value("c", [], TensorProto.BOOL), value("s")], [value("k", [], TensorProto.BOOL), value("o")])
    yield "loop", model([helper.make_node("Loop", ["m", "", "x"], ["y"], body=body)], [value("x", [2])], [value("y")], [weights("m", [], [3], INT64)])
    scaled = helper.make_function("local", "Scaled", ["a"], ["b"],
                                  [helper.make_node("Constant", [], ["c"]), helper.make_node("Mul", ["a", "c"], ["b"])],
                                  [helper.make_opsetid("", 17)], ["factor"])
    reference = scaled.node[0].attribute.add(name="value_float", ref_attr_name="factor")
    reference.type = onnx.AttributeProto.FLOAT
    yield "function", model([helper.make_node("Scaled", ["x"], ["v"], domain="local", factor=2.0),
                             helper.make_node("Scaled", ["v"], ["y"], domain="local", factor=3.0)],
                            [value("x", [2])], [value("y")], functions=[scaled])
    kinds = [getattr(TensorProto, n) for n in "DOUBLE FLOAT16 BFLOAT16 INT64 INT32 INT16 INT8 UINT64 UINT32 UINT16 UINT8 BOOL".split()]
    yield "types", model([helper.make_node("Cast", [f"w{k}"], [f"y{k}"], to=FLOAT) for k in kinds], [],
                         [value(f"y{k}") for k in kinds], [weights(f"w{k}", [2], [0, 1], k) for k in kinds])
    raw = onnx.TensorProto(name="w", data_type=TensorProto.BOOL, dims=[3], raw_data=bytes([0, 1, 255]))
    yield "raw_bool", model([helper.make_node("Not", ["w"], ["y"])], [], [value("y")], [raw])
    yield "ir3", model([helper.make_node("Add", ["x", "w"], ["y"])], [value("x", ["N", 2]), value("w", [2])], [value("y")],
                       [weights("w", [2])], opset=7)
    yield "upsample", chain(("Resize", ["", "", "z"], {"mode": "nearest"}), shape=(1, 1, 2, 2), initializers=[integers("z", [1, 1, 4, 4])])


def nasty():
    relu = helper.make_node("Relu", ["x"], ["y"])
    yield "cycle", model([helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], [value("x", [1])], [value("b")])
    yield "out_of_order", model([helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])], [value("x", [1])], [value("y")])
    yield "twice", model([relu, relu], [value("x", [1])], [value("y")])
    yield "negative", model([relu], [value("x", [-2])], [value("y")])
    yield "huge_dims", model([helper.make_node("Tile", ["x", "r"], ["y"])], [value("x", [1 << 40, 1 << 20])], [value("y")],
                             [integers("r", [1 << 40, 1 << 40])])
    bomb = onnx.TensorProto(name="w", data_type=FLOAT, dims=[1 << 50], raw_data=b"1234")
    yield "huge_weights", model([helper.make_node("Relu", ["w"], ["y"])], [], [value("y")], [bomb])
    external = onnx.TensorProto(name="w", data_type=FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    external.external_data.add(key="location", value="../weights.bin")
    external.external_data.add(key="length", value="8")
    yield "external", model([helper.make_node("Relu", ["w"], ["y"])], [], [value("y")], [external])
    calls = [helper.make_node("F", ["a"], ["b"], domain="local")] * 2
    yield "endless_function", model([helper.make_node("F", ["x"], ["y"], domain="local")], [value("x", [1])], [value("y")],
                                    functions=[helper.make_function("local", "F", ["a"], ["b"], calls, [])])
    yield "missing", model([helper.make_node("Relu", ["nothing"], ["y"])], [value("x", [1])], [value("y")])
    yield "no_outputs_of_nodes", model([helper.make_node("Split", ["x"], []), helper.make_node("LSTM", ["x", "", "x"], ["", "", "y"])],
                                       [value("x", [1, 1, 1])], [value("y")])
    yield "zero_division", model([helper.make_node("Div", ["a", "b"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["y"])], [], [value("y")],
                                 [integers("a", [1]), integers("b", [0])])


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in [*good(), *nasty()]:
        (folder / f"{name}.onnx").write_bytes(made.SerializeToString(deterministic=True))
    whole = (folder / "mlp.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    (folder / "page.html").write_text("<!DOCTYPE html><html><body>Not found</body></html>\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
