"""If, Loop and Scan: graphs within graphs."""

import numpy as np
from onnx import TensorProto, helper

from kit import boolean, fp32, int64, make_model, tensor_info, text


def add_cases(c):
    for name, condition, expected in (("then", True, text(["yes"])), ("else", False, text(["no", "never"]))):
        branches = {f"{key}_branch": constant_graph(key, value) for key, value in (("then", text(["yes"])), ("else", text(["no", "never"])))}
        node = helper.make_node("If", ["condition"], ["y"], **branches)
        model = make_model([node], [tensor_info("condition", boolean(condition))], [tensor_info("y", expected, "unknown")])
        c.add(f"if-{name}", model, {"condition": boolean(condition)}, {"y": expected})

    for turns in (0, 3):
        sums = np.cumsum(np.full((turns, 2), [1, 10]), 0)
        loop(c, f"loop-{turns}-turns", turns, fp32([turns, 10 * turns]), fp32(sums.reshape(turns, 2)))

    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    body = helper.make_graph(
        [helper.make_node("Add", ["state", "row"], ["sum"]), helper.make_node("Identity", ["sum"], ["seen"])], "body",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("state", "row")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("sum", "seen")])
    node = helper.make_node("Scan", ["start", "x"], ["last", "all"], body=body, num_scan_inputs=1)
    inputs = {"start": fp32([100, 200]), "x": fp32(x)}
    outputs = {"last": fp32(x.sum(0) + [100, 200]), "all": fp32(np.cumsum(x, 0) + [100, 200])}
    declared = [tensor_info("start", inputs["start"]), helper.make_tensor_value_info("x", TensorProto.FLOAT, ["steps", 2])]
    results = [tensor_info("last", outputs["last"]), helper.make_tensor_value_info("all", TensorProto.FLOAT, ["steps", 2])]
    c.add("scan", make_model([node], declared, results), inputs, outputs)


def constant_graph(name, value):
    node = helper.make_node("Constant", [], [f"{name}_value"], value=value.to_tensor("value"))
    return helper.make_graph([node], name, [], [tensor_info(f"{name}_value", value, "unknown")])


def loop(c, name, turns, last, every):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["state", "step"], ["sum"]),
         helper.make_node("Identity", ["sum"], ["seen"])], "body",
        [helper.make_tensor_value_info("turn", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("state", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), helper.make_tensor_value_info("sum", TensorProto.FLOAT, [2]),
         helper.make_tensor_value_info("seen", TensorProto.FLOAT, [2])])
    node = helper.make_node("Loop", ["turns", "", "start"], ["last", "every"], body=body)
    inputs = {"turns": int64(turns), "start": fp32([0, 0]), "step": fp32([1, 10])}
    declared = [tensor_info(key, value) for key, value in inputs.items()]
    results = [tensor_info("last", last), helper.make_tensor_value_info("every", TensorProto.FLOAT, [None, 2])]
    c.add(name, make_model([node], declared, results), inputs, {"last": last, "every": every})
