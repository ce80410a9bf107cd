"""Typed values, cases, and how both are written. The format is described in make_collection.py."""

import json
import math
import os
import re
import zlib

import numpy as np
from onnx import TensorProto, TypeProto, helper

# name: (ONNX element type, numpy type). numpy has no bfloat16: such values are kept as float32 that are exactly bfloat16.
TYPES = {
    "BOOL": (TensorProto.BOOL, np.bool_),
    "UINT8": (TensorProto.UINT8, np.uint8),
    "UINT16": (TensorProto.UINT16, np.uint16),
    "UINT32": (TensorProto.UINT32, np.uint32),
    "UINT64": (TensorProto.UINT64, np.uint64),
    "INT8": (TensorProto.INT8, np.int8),
    "INT16": (TensorProto.INT16, np.int16),
    "INT32": (TensorProto.INT32, np.int32),
    "INT64": (TensorProto.INT64, np.int64),
    "FP16": (TensorProto.FLOAT16, np.float16),
    "BF16": (TensorProto.BFLOAT16, np.float32),
    "FP32": (TensorProto.FLOAT, np.float32),
    "FP64": (TensorProto.DOUBLE, np.float64),
    "BYTES": (TensorProto.STRING, np.object_),
}
FLOATS = ("FP16", "BF16", "FP32", "FP64")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


def bf16_bits(array):
    """Rounds float32 to bfloat16 (to nearest, ties to even) and returns the 16 bits."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).reshape(np.shape(array))
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return np.where(np.isnan(array), (bits >> np.uint32(16)) | np.uint32(0x40), rounded).astype(np.uint16)


def bf16_values(bits):
    return (np.asarray(bits).astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(np.shape(bits))


class Value:
    """A tensor: the datatype's name and its elements."""

    def __init__(self, datatype, data, shape=None):
        self.datatype = datatype
        array = np.array(data, TYPES[datatype][1])
        if datatype == "BF16":
            array = bf16_values(bf16_bits(array))
        self.array = array if shape is None else array.reshape(shape)

    @property
    def shape(self):
        return list(self.array.shape)

    def to_json(self):
        return {"datatype": self.datatype, "shape": self.shape, "data": json_data(self.datatype, self.array)}

    def to_tensor(self, name):
        onnx_type = TYPES[self.datatype][0]
        if self.datatype == "BYTES":
            return helper.make_tensor(name, onnx_type, self.shape, [text.encode() for text in self.array.ravel()])
        array = bf16_bits(self.array) if self.datatype == "BF16" else self.array
        return helper.make_tensor(name, onnx_type, self.shape, np.ascontiguousarray(array).tobytes(), raw=True)


class Sequence:
    """Expected: a sequence of tensors."""

    def __init__(self, datatype, values):
        self.datatype = datatype
        self.values = values

    def to_json(self):
        return {"kind": "tensor_sequence", "datatype": self.datatype, "elements": [value.to_json() for value in self.values]}


class MapRows:
    """Expected: one map from label to value a row."""

    def __init__(self, label_datatype, labels, values):
        self.datatype = values.datatype
        self.label_datatype = label_datatype
        self.labels = labels
        self.values = values

    def to_json(self):
        return {"kind": "map_sequence", "label_datatype": self.label_datatype, "labels": self.labels, **self.values.to_json()}


class Const:
    """An input of a node that is an initializer of the graph, not an input of the model."""

    def __init__(self, value):
        self.value = value


def json_data(datatype, array):
    flat = array.ravel().tolist()
    return [json_float(number) for number in flat] if datatype in FLOATS else flat


def json_float(number):
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


class Case:
    """A model, one request, and the answer to it."""

    def __init__(self, family, name, model, inputs, outputs, tolerance, files):
        if not NAME.match(name):
            raise ValueError(f"{name!r} is no model name")
        self.family = family
        self.name = name
        self.model = model
        self.inputs = inputs
        self.outputs = outputs
        self.tolerance = tolerance
        self.files = files

    def to_json(self):
        declared = {value.name: value.type.tensor_type for value in self.model.graph.input}
        inputs = [{"name": name, **value.to_json(), "dims": declared_dims(declared[name])} for name, value in self.inputs.items()]
        outputs = [{"name": name, **value.to_json()} for name, value in self.outputs.items()]
        return {"model": self.name, "family": self.family, "tolerance": self.tolerance, "inputs": inputs, "outputs": outputs}


def declared_dims(tensor_type):
    if not tensor_type.HasField("shape"):
        return None
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in tensor_type.shape.dim]


class Collection:
    def __init__(self):
        self.cases = []
        self.skipped = []
        self.family = ""

    def add(self, name, model, inputs, outputs, tolerance=None, files=None):
        """inputs and outputs: dictionaries from name to value, in the model's order; files: from name to bytes, beside the model."""
        if any(case.name == name for case in self.cases):
            raise ValueError(f"{name} exists twice")
        if tolerance is None:
            tolerance = default_tolerance(outputs.values())
        self.cases.append(Case(self.family, name, model, inputs, outputs, tolerance, files or {}))

    def op(self, name, operator, inputs, outputs, *, opset=17, declare=None, tolerance=None, **attributes):
        """One node. Inputs are called x0, x1.., outputs y0, y1..; None leaves an optional one out.

        operator   "Add", or with its domain "ai.onnx.ml.Scaler"
        declare    how the dimensions are declared: fixed, symbolic, unknown or rankless; if absent it follows from the name, so
                   that every way meets every family
        """
        declare = declare or DECLARATIONS[zlib.crc32(name.encode()) % len(DECLARATIONS)]
        sent, declared, initializers, names = {}, [], [], []
        for index, value in enumerate(inputs):
            names.append("" if value is None else f"x{index}")
            if isinstance(value, Const):
                initializers.append(value.value.to_tensor(names[-1]))
            elif value is not None:
                sent[names[-1]] = value
                declared.append(tensor_info(names[-1], value, declare))

        expected = {f"y{index}": value for index, value in enumerate(outputs) if value is not None}
        domain, _, op_type = operator.rpartition(".")
        made = ["" if value is None else f"y{index}" for index, value in enumerate(outputs)]
        node = helper.make_node(op_type, names, made, domain=domain, **attributes)
        results = [output_info(output, value, declare) for output, value in expected.items()]
        self.add(name, make_model([node], declared, results, initializers, opset), sent, expected, tolerance)

    def write(self, out):
        os.makedirs(os.path.join(out, "cases"), exist_ok=True)
        for case in self.cases:
            folder = os.path.join(out, "repository", case.name, "1")
            os.makedirs(folder, exist_ok=True)
            for name, content in {"model.onnx": case.model.SerializeToString(deterministic=True), **case.files}.items():
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
            with open(os.path.join(out, "cases", f"{case.name}.json"), "w", encoding="utf-8") as file:
                json.dump(case.to_json(), file, ensure_ascii=False, allow_nan=False)
                file.write("\n")


DECLARATIONS = ("fixed", "symbolic", "unknown", "rankless")


def default_tolerance(values):
    types = {value.datatype for value in values}
    return 1e-2 if "BF16" in types else 1e-3 if "FP16" in types else 1e-6 if types & set(FLOATS) else 0


def dims(name, shape, declare):
    if declare == "rankless":
        return None
    return [{"fixed": size, "symbolic": f"{name}_{axis}", "unknown": None}[declare] for axis, size in enumerate(shape)]


def tensor_info(name, value, declare="fixed"):
    return helper.make_tensor_value_info(name, TYPES[value.datatype][0], dims(name, value.shape, declare))


def output_info(name, value, declare="fixed"):
    if isinstance(value, Sequence):
        element = helper.make_tensor_type_proto(TYPES[value.datatype][0], None)
        return helper.make_value_info(name, helper.make_sequence_type_proto(element))
    if isinstance(value, MapRows):
        element = TypeProto()
        element.map_type.key_type = TYPES[value.label_datatype][0]
        element.map_type.value_type.tensor_type.elem_type = TYPES[value.datatype][0]
        return helper.make_value_info(name, helper.make_sequence_type_proto(element))
    return tensor_info(name, value, declare)


def make_model(nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
    model = helper.make_model(graph, producer_name="ModelGateway collection", opset_imports=[
        helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)])
    # The file format's version that came with the operator set; newer types are read only in newer formats.
    model.ir_version = 8 if opset <= 18 else 9 if opset <= 20 else 10
    return model


def values(datatype):
    """A short constructor: fp32 = values("FP32"); fp32([1, 2]), fp32(range(6), (2, 3))."""
    return lambda data, shape=None: Value(datatype, list(data) if isinstance(data, range) else data, shape)


boolean, uint8, int8, int32, int64 = (values(name) for name in ("BOOL", "UINT8", "INT8", "INT32", "INT64"))
fp16, bf16, fp32, fp64, text = (values(name) for name in ("FP16", "BF16", "FP32", "FP64", "BYTES"))


def normal(seed, *shape):
    """Normally distributed float32; the legacy generator's stream is the same in every version of numpy."""
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def uniform(seed, low, high, *shape):
    return np.random.RandomState(seed).uniform(low, high, shape).astype(np.float32)
