"""How many inputs and outputs there are, what they are called, which may be left out."""

import numpy as np
from onnx import TensorProto, helper

from kit import TYPES, Value, fp32, int32, int64, make_model, tensor_info, text
from families.types import six

# Names that a JSON key, a URL and a message must survive. ONNX allows every one of them.
ODD_NAMES = ["input:0", "a/b/c", "with space", "größe", "quote\"d", "back\\slash", "dot.ted", "x[0]", "日本", "UPPER", "upper", "{brace}"]


def add_cases(c):
    constant = helper.make_node("Constant", [], ["y"], value=fp32([1.5, -2]).to_tensor("value"))
    c.add("no-inputs", make_model([constant], [], [tensor_info("y", fp32([1.5, -2]))]), {}, {"y": fp32([1.5, -2])})
    words = text(["eins", "", "drei"])
    constant = helper.make_node("Constant", [], ["y"], value=words.to_tensor("value"))
    c.add("no-inputs-strings", make_model([constant], [], [tensor_info("y", words)]), {}, {"y": words})

    every_type = {datatype.lower(): Value(datatype, six(datatype), (3, 2)) for datatype in TYPES}
    hand_through(c, "every-type-at-once", every_type)
    hand_through(c, "odd-names", {name: int64([index]) for index, name in enumerate(ODD_NAMES)})
    hand_through(c, "order-kept", {name: fp32([index]) for index, name in enumerate(["z", "a", "M", "b10", "b9", "0"])})
    hand_through(c, "mixed-batch", {"ids": int64([[1], [2]]), "name": text([["a"], ["b"]]), "pixels": fp32(np.ones((2, 2, 2)))}, "symbolic")

    sixteen = {f"x{index:02}": fp32([index, 1]) for index in range(16)}
    total = fp32([120, 16])
    node = helper.make_node("Sum", list(sixteen), ["y"])
    inputs = [tensor_info(name, value, "symbolic") for name, value in sixteen.items()]
    c.add("sixteen-inputs", make_model([node], inputs, [tensor_info("y", total)]), sixteen, {"y": total})

    x = fp32([4, 9])
    outputs = {"root": fp32([2, 3]), "negative": fp32([-4, -9]), "whole": int32([4, 9]), "count": int64(2)}
    nodes = [helper.make_node("Sqrt", ["x"], ["root"]), helper.make_node("Neg", ["x"], ["negative"]),
             helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT32), helper.make_node("Size", ["x"], ["count"])]
    results = [tensor_info(name, value) for name, value in outputs.items()]
    c.add("one-input-four-outputs", make_model(nodes, [tensor_info("x", x, "unknown")], results), {"x": x}, outputs)
    optional_inputs(c)


def hand_through(c, name, inputs, declare="fixed"):
    outputs = {f"{key} out": value for key, value in inputs.items()}
    nodes = [helper.make_node("Identity", [key], [f"{key} out"]) for key in inputs]
    declared = [tensor_info(key, value, declare) for key, value in inputs.items()]
    results = [tensor_info(key, value, declare) for key, value in outputs.items()]
    c.add(name, make_model(nodes, declared, results), inputs, outputs, 0)


def optional_inputs(c):
    x, bias, sent = fp32([[1, 2]]), fp32([10, 20]), fp32([-1, -2])
    with_optional(c, "optional-left-out", "Add", {"x": x}, {"bias": bias}, fp32([[11, 22]]))
    with_optional(c, "optional-sent", "Add", {"x": x, "bias": sent}, {"bias": bias}, fp32([[0, 0]]))
    with_optional(c, "optional-scalar-left-out", "Mul", {"x": x}, {"factor": fp32(3)}, fp32([[3, 6]]))
    with_optional(c, "optional-scalar-sent", "Mul", {"x": x, "factor": fp32(5)}, {"factor": fp32(3)}, fp32([[5, 10]]))
    with_optional(c, "optional-shape-sent", "Reshape", {"x": x, "shape": int64([2, 1])}, {"shape": int64([1, 2])}, fp32([[1], [2]]))
    with_optional(c, "optional-index-left-out", "Gather", {"x": text(["a", "b"])}, {"index": int64([1])}, text(["b"]))
    with_optional(c, "optional-all-left-out", "Add", {}, {"a": fp32([1, 2]), "b": fp32([3, 4])}, fp32([4, 6]))
    with_optional(c, "optional-one-of-two-sent", "Add", {"b": fp32([30, 40])}, {"a": fp32([1, 2]), "b": fp32([3, 4])}, fp32([31, 42]))


def with_optional(c, name, operator, sent, defaults, expected):
    required = [key for key in sent if key not in defaults]
    node = helper.make_node(operator, [*required, *defaults], ["y"])
    # The optional inputs are declared first: their place must not matter.
    declared = [tensor_info(key, value) for key, value in [*defaults.items(), *((key, sent[key]) for key in required)]]
    initializers = [value.to_tensor(key) for key, value in defaults.items()]
    model = make_model([node], declared, [tensor_info("y", expected, "unknown")], initializers)
    c.add(name, model, sent, {"y": expected})
