"""Sequences of tensors: as the answer, and on the way to one."""

from onnx import helper

from kit import Const, Sequence, boolean, fp32, int64, make_model, normal, output_info, tensor_info, text

X = normal(121, 3, 2)


def add_cases(c):
    rows = [fp32(X[index:index + 1]) for index in range(3)]
    c.op("split-to-sequence", "SplitToSequence", [fp32(X), Const(int64(1))], [Sequence("FP32", rows)], axis=0)
    c.op("split-to-sequence-without-axis", "SplitToSequence", [fp32(X)], [Sequence("FP32", [fp32(row) for row in X])], axis=0, keepdims=0)
    uneven = Sequence("INT64", [int64([0]), int64([1, 2, 3])])
    c.op("split-to-sequence-uneven", "SplitToSequence", [int64(range(4)), int64([1, 3])], [uneven])
    different = [fp32([1]), fp32([[2, 3]]), fp32(4)]
    c.op("sequence-of-different-shapes", "SequenceConstruct", different, [Sequence("FP32", different)])
    words = [text(["a", "🙂"]), text([""])]
    c.op("sequence-of-strings", "SequenceConstruct", words, [Sequence("BYTES", words)])
    node = helper.make_node("SequenceEmpty", [], ["y"], dtype=1)
    c.add("sequence-empty", make_model([node], [], [output_info("y", Sequence("FP32", []))]), {}, {"y": Sequence("FP32", [])})

    chain(c, "sequence-at", [("SequenceConstruct", ["a", "b"], "s", {}), ("SequenceAt", ["s", "i"], "y", {})], fp32([3]), {"i": int64(-1)})
    chain(c, "sequence-length", [("SequenceConstruct", ["a", "b", "a"], "s", {}), ("SequenceLength", ["s"], "y", {})], int64(3))
    chain(c, "concat-from-sequence", [("SequenceConstruct", ["a", "b"], "s", {}), ("ConcatFromSequence", ["s"], "y", {"axis": 0})], fp32([1, 2, 3]))
    chain(c, "sequence-insert-erase", [
        ("SequenceConstruct", ["a", "b"], "s", {}), ("SequenceInsert", ["s", "b", "i"], "t", {}), ("SequenceErase", ["t"], "u", {}),
        ("ConcatFromSequence", ["u"], "y", {"axis": 0})], fp32([3, 1, 2]), {"i": int64(0)})
    chain(c, "sequence-beside-tensor", [("SequenceConstruct", ["a", "b"], "y", {})], Sequence("FP32", [fp32([1, 2]), fp32([3])]), {}, {"a": fp32([1, 2])})
    c.op("optional-has-element", "OptionalHasElement", [fp32([1])], [boolean(True)], opset=18)


def chain(c, name, steps, expected, more_inputs=(), more_outputs=()):
    """Nodes in a row over a = [1, 2] and b = [3]; y is the result. Inputs in more_outputs are handed through beside it."""
    inputs = {"a": fp32([1, 2]), "b": fp32([3]), **dict(more_inputs)}
    nodes = [helper.make_node(operator, names, [output], **attributes) for operator, names, output, attributes in steps]
    outputs = {"y": expected, **{f"{key}_out": value for key, value in dict(more_outputs).items()}}
    nodes += [helper.make_node("Identity", [key], [f"{key}_out"]) for key in dict(more_outputs)]
    declared = [tensor_info(key, value, "unknown") for key, value in inputs.items()]
    results = [output_info(key, value, "unknown") for key, value in outputs.items()]
    c.add(name, make_model(nodes, declared, results), inputs, outputs)
