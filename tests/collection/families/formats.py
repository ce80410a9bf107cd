"""Ways to write a file: old and new formats, where constants lie, functions of the model's own."""

import numpy as np
from onnx import TensorProto, helper

from kit import fp32, int64, make_model, tensor_info

X, W, Y = fp32([[1, 2]]), fp32([10, 20]), fp32([[11, 22]])


def add_cases(c):
    add = helper.make_node("Add", ["x", "w"], ["y"])
    x, w, y = tensor_info("x", X, "symbolic"), tensor_info("w", W), tensor_info("y", Y, "unknown")

    # Before format 4 every initializer had to be listed as an input, and none could be overridden.
    old = make_model([add], [w, x], [y], [W.to_tensor("w")], 8)
    old.ir_version = 3
    c.add("format-3-initializer-listed", old, {"x": X}, {"y": Y})
    for opset in (7, 13, 15, 18, 20, 21):
        c.add(f"opset-{opset}", make_model([add], [x], [y], [W.to_tensor("w")], opset), {"x": X}, {"y": Y})

    # The number fields of a tensor instead of its raw bytes.
    fields = [helper.make_tensor("w", TensorProto.FLOAT, [2], [10, 20]), helper.make_tensor("i", TensorProto.INT64, [1], [-1])]
    nodes = [helper.make_node("Add", ["x", "w"], ["sum"]), helper.make_node("Gather", ["sum", "i"], ["y"], axis=1)]
    c.add("initializer-in-number-fields", make_model(nodes, [x], [tensor_info("y", fp32([[22]]), "unknown")], fields), {"x": X}, {"y": fp32([[22]])})

    external = W.to_tensor("w")
    external.ClearField("raw_data")
    external.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "4096"), ("length", "8")):
        external.external_data.add(key=key, value=value)
    c.add("initializer-in-second-file", make_model([add], [x], [y], [external]), {"x": X}, {"y": Y},
          files={"weights.bin": bytes(4096) + W.array.tobytes() + b"rest"})

    sparse = make_model([add], [x], [y])
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [20])
    sparse.graph.sparse_initializer.append(helper.make_sparse_tensor(values, helper.make_tensor("", TensorProto.INT64, [1], [1]), [2]))
    c.add("initializer-sparse", sparse, {"x": X}, {"y": fp32([[1, 22]])})

    body = [helper.make_node("Add", ["a", "b"], ["s"]), helper.make_node("Mul", ["s", "s"], ["squared"])]
    function = helper.make_function("own", "SquareOfSum", ["a", "b"], ["squared"], body, [helper.make_opsetid("", 17)])
    own = make_model([helper.make_node("SquareOfSum", ["x", "w"], ["y"], domain="own")], [x], [y], [W.to_tensor("w")])
    own.functions.append(function)
    own.opset_import.append(helper.make_opsetid("own", 1))
    c.add("function-of-the-model", own, {"x": X}, {"y": fp32(Y.array**2)})

    described = make_model([add], [x], [y], [W.to_tensor("w")])
    described.doc_string, described.model_version, described.domain = "What it is, \"quoted\"\nand ünïcode", 7, "org.example"
    helper.set_model_props(described, {"labels": "a,b\nc", "leer": "", "schlüssel": "🙂"})
    c.add("metadata", described, {"x": X}, {"y": Y})

    unused = tensor_info("unused", int64([0]), "unknown")
    c.add("input-nobody-reads", make_model([add], [x, unused], [y], [W.to_tensor("w")]), {"x": X, "unused": int64([1, 2])}, {"y": Y})
    c.add("output-is-initializer", make_model([add], [x], [y, tensor_info("w", W)], [W.to_tensor("w")]), {"x": X}, {"y": Y, "w": W})
    c.add("output-is-input", make_model([add], [x], [y, tensor_info("x", X, "symbolic")], [W.to_tensor("w")]), {"x": X}, {"y": Y, "x": X})
    deep = [helper.make_node("Identity", [f"v{index}" if index else "x"], [f"v{index + 1}"]) for index in range(500)]
    c.add("graph-of-500-nodes", make_model(deep, [x], [tensor_info("v500", X, "unknown")]), {"x": X}, {"v500": X})
    large = fp32(np.arange(200_000) % 1000 / 8, (200, 1000))
    node = helper.make_node("Neg", ["x"], ["y"])
    c.add("tensor-of-200000", make_model([node], [tensor_info("x", large, "unknown")], [tensor_info("y", large, "unknown")]),
          {"x": large}, {"y": fp32(-large.array)})
