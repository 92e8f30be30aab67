#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files beside it that Molière's own writer cannot make: make.py

They are committed, so that the tests need no Python. Needs the package `onnx`.
"""

import pathlib
import struct

import onnx
from onnx import TensorProto, helper

FOLDER = pathlib.Path(__file__).parent
FLOAT = TensorProto.FLOAT
TYPES = "FLOAT DOUBLE FLOAT16 BFLOAT16 INT64 INT32 INT16 INT8 UINT64 UINT32 UINT16 UINT8 BOOL".split()


def value(name, shape=None, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, initializers=(), functions=(), domain="", opset=17):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    imports = [helper.make_opsetid(domain, opset)] + [helper.make_opsetid("local", 1)] * bool(functions)
    model = helper.make_model(graph, opset_imports=imports, functions=list(functions))
    model.producer_name, model.ir_version = "", 8
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def relu_of_weights(name, tensor):
    save(name, [helper.make_node("Relu", ["w"], ["y"])], [], [value("y")], [tensor])


def external(name, location, **entries):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(text))
    relu_of_weights(name, tensor)


def typed():
    """1, 0, 2 (true for a bool) in every type: in the field of the type, and as raw bytes."""
    for name, raw in (("typed_fields", False), ("raw_fields", True)):
        tensors = []
        for kind in TYPES:
            tensor = helper.make_tensor(kind, getattr(TensorProto, kind), [3], [1, 0, 2])
            if raw:
                numbers = onnx.numpy_helper.to_array(tensor)
                tensor = TensorProto(name=kind, data_type=tensor.data_type, dims=[3], raw_data=numbers.tobytes())
                if kind == "BOOL":
                    tensor.raw_data = bytes([1, 0, 2])
            tensors.append(tensor)
        nodes = [helper.make_node("Cast", [kind], [f"{kind}_y"], to=FLOAT) for kind in TYPES]
        save(name, nodes, [], [value(f"{kind}_y") for kind in TYPES], tensors)


def functions():
    """Affine(a; factor, shift = 1) = Scale(a; factor) + shift, called twice, once from a branch."""

    def reference(node, name, formal):
        attribute = node.attribute.add(name=name, ref_attr_name=formal)
        attribute.type = onnx.AttributeProto.FLOAT
        return node

    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    scale = helper.make_function(
        "local", "Scale", ["a"], ["b"],
        [reference(helper.make_node("Constant", [], ["c"]), "value_float", "by"), helper.make_node("Mul", ["a", "c"], ["b"])],
        imports, ["by"])
    affine = helper.make_function(
        "local", "Affine", ["a", "unused"], ["r"],
        [reference(helper.make_node("Scale", ["a"], ["c"], domain="local"), "by", "factor"),
         reference(helper.make_node("Constant", [], ["d"]), "value_float", "shift"),
         helper.make_node("Add", ["c", "d"], ["r"])],
        imports, ["factor"], [helper.make_attribute("shift", 1.0)])
    branch = helper.make_graph([helper.make_node("Affine", ["v"], ["c"], domain="local", factor=5.0)], "branch", [], [value("c")])
    other = helper.make_graph([helper.make_node("Identity", ["v"], ["c"])], "other", [], [value("c")])
    save("functions",
         [helper.make_node("Affine", ["x"], ["v"], domain="local", factor=2.0, shift=3.0),
          helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=other)],
         [value("x", [2]), value("condition", [], TensorProto.BOOL)], [value("y")], functions=[scale, affine])


def function_bombs():
    """A function that calls itself; and twenty that each call the next four times: 4^20 calls."""
    one = [value("x", [1])], [value("y", [1])]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    call = helper.make_node("F", ["x"], ["y"], domain="local")
    again = helper.make_function("local", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="local")], imports)
    save("function_calls_itself", [call], *one, functions=[again])
    tower = []
    for i in range(20):
        calls = [helper.make_node(f"F{i + 1}", ["a"], [out], domain="local") for out in "bcde"]
        tower.append(helper.make_function("local", f"F{i}" if i else "F", ["a"], ["b"], calls, imports))
    tower.append(helper.make_function("local", "F20", ["a"], ["b"], [], imports))
    save("function_bomb", [call], *one, functions=tower)


def main():
    typed()
    functions()
    function_bombs()
    numbers = helper.make_tensor("w", FLOAT, [2], [1.5, 2.5])
    add = [helper.make_node("Add", ["x", "w"], ["y"])]
    save("initializer_as_input", add, [value("x", [2]), value("w", [2])], [value("y", [2])], [numbers], opset=7)
    save("named_domain", [helper.make_node("Add", ["x", "w"], ["y"], domain="ai.onnx")], [value("x", [2])], [value("y", [2])],
         [numbers], domain="ai.onnx")
    (FOLDER / "weights.bin").write_bytes(struct.pack("<4f", 0, 0, 1.5, 2.5))
    external("external", "weights.bin", offset=8, length=8)
    external("external_absolute", "/etc/hostname", length=8)
    external("external_parent", "../weights.bin", length=8)
    external("external_link", "link.bin", length=8)
    external("external_wrong_length", "weights.bin", length=12)
    external("external_beyond_end", "weights.bin", offset=12)
    external("external_not_a_number", "weights.bin", offset="-8")
    external("external_missing", "nothing.bin")
    many = []
    for i in range(20):
        many.append(TensorProto(name=f"w{i}", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL))
        many[-1].external_data.add(key="location", value="weights.bin")
    save("external_many_times", [helper.make_node("Sum", [tensor.name for tensor in many], ["y"])], [], [value("y")], many)
    relu_of_weights("short_raw", TensorProto(name="w", data_type=FLOAT, dims=[3], raw_data=b"12345678"))
    relu_of_weights("huge_raw", TensorProto(name="w", data_type=FLOAT, dims=[1 << 40], raw_data=b"1234"))
    relu_of_weights("overflowing_dims", TensorProto(name="w", data_type=FLOAT, dims=[1 << 40, 1 << 40], raw_data=b"1234"))
    relu_of_weights("negative_dims", TensorProto(name="w", data_type=FLOAT, dims=[-1], raw_data=b"1234"))
    relu_of_weights("short_field", TensorProto(name="w", data_type=FLOAT, dims=[3], float_data=[1.0]))
    relu_of_weights("complex_weights", TensorProto(name="w", data_type=TensorProto.COMPLEX64, dims=[1], float_data=[1.0, 2.0]))
    graph = helper.make_graph([helper.make_node("Relu", ["w"], ["y"])], "sparse", [], [value("y")])
    dense = helper.make_tensor("w", FLOAT, [1], [1.0])
    graph.sparse_initializer.append(helper.make_sparse_tensor(dense, helper.make_tensor("i", TensorProto.INT64, [1], [0]), [3]))
    sparse = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    sparse.ir_version = 8
    (FOLDER / "sparse.onnx").write_bytes(sparse.SerializeToString(deterministic=True))
    identity = [helper.make_node("Identity", ["x"], ["y"])]
    save("string_input", identity, [value("x", [1], TensorProto.STRING)], [value("y", [1], TensorProto.STRING)])
    sequence = helper.make_tensor_sequence_value_info("x", FLOAT, [1])
    save("sequence_input", [helper.make_node("SequenceLength", ["x"], ["y"])], [sequence], [value("y", [], TensorProto.INT64)])


if __name__ == "__main__":
    main()
