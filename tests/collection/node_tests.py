"""Converts the official ONNX backend tests to cases.

Debian ships them in libonnx-testdata, linked into the onnx package; where they are absent nothing is converted and the exit code is 1.
A model named test_abs of the group "node" becomes the case "node-abs".
"""

import os
import re

import onnx
from onnx import numpy_helper

from kit import TYPES, Sequence, Value, bf16_values

GROUPS = ("node", "simple", "pytorch-operator", "pytorch-converted")
DATATYPES = {onnx_type: datatype for datatype, (onnx_type, _) in TYPES.items()}

# The official runner allows a relative 1e-3; almost everything is much closer.
TOLERANCE = 1e-4
WIDER = {"node-dft": 1e-3, "node-dft_axis": 1e-3}

# Their broadcasting or defaults changed with operator set 7, and ONNX Runtime has them only from there.
CHANGED_IN_7 = {"Add", "AveragePool", "BatchNormalization", "Gemm", "Mul", "Pow", "PRelu"}

NOT_CERTAIN = "the answer is random"
NO_KERNEL = "ONNX Runtime has no CPU kernel for these types"
DISAGREES = "ONNX Runtime and this test disagree about the answer"
LEFT_OUT = (
    (r"node-bernoulli", NOT_CERTAIN),
    (r"node-training_dropout_(default|mask|default_mask)$|node-training_dropout$", NOT_CERTAIN),
    (r"node-(bitshift_(left|right)_uint16|(max|min)_u?int16|pow_types_float32_uint(32|64))$", NO_KERNEL),
    (r"node-(gru|lstm|simple_rnn)_batchwise$", "ONNX Runtime has no recurrent networks with layout 1"),
    (r"node-cast(like)?_FLOAT_to_STRING", "how many digits a number has as text is not defined"),
    (r"node-cast_FLOAT_to_BFLOAT16$", "this test truncates where the standard rounds"),
    (r"node-castlike_(FLOAT_to_BFLOAT16|BFLOAT16_to_FLOAT)", "the data of this test do not fit its declared shape"),
    (r"node-maxunpool_export_with_output_shape$|node-resize_downsample_scales_(cubic|linear)_align_corners$", DISAGREES),
    (r"-str(norm_model|normalizer_export)_monday_(casesensintive_(lower|upper)|empty|insens)", "ONNX Runtime asks the machine for the locale en_US.UTF-8"),
)


class Unservable(Exception):
    """Why a test cannot become a case."""


def add_all(collection):
    root = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    if not os.path.isdir(root):
        print("The official ONNX backend tests are not installed (Debian: libonnx-testdata)")
        return False

    for group in GROUPS:
        collection.family = group
        for test in sorted(os.listdir(os.path.join(root, group))):
            name = f"{group}-{test.removeprefix('test_').removeprefix('operator_')}"
            try:
                convert(collection, name, os.path.join(root, group, test))
            except Unservable as reason:
                collection.skipped.append(name)
                print(f"skipped {name}: {reason}")
    return True


def convert(collection, name, folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    refuse(name, model)
    inputs = read_values(os.path.join(folder, "test_data_set_0"), "input", model.graph.input, only_tensors=True)
    outputs = read_values(os.path.join(folder, "test_data_set_0"), "output", model.graph.output, only_tensors=False)
    collection.add(name, model, inputs, outputs, WIDER.get(name, TOLERANCE))


def refuse(name, model):
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    if "ai.onnx.preview.training" in opsets:
        raise Unservable("training is not for servers")
    old = CHANGED_IN_7 & {node.op_type for node in model.graph.node} if opsets.get("", 7) < 7 else None
    if old:
        raise Unservable(f"ONNX Runtime has {', '.join(sorted(old))} only from operator set 7")
    for pattern, reason in LEFT_OUT:
        if re.search(pattern, name):
            raise Unservable(reason)


def read_values(folder, prefix, declared, only_tensors):
    values = {}
    for index, info in enumerate(declared):
        path = os.path.join(folder, f"{prefix}_{index}.pb")
        if not os.path.exists(path):
            break
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type" and (only_tensors or kind != "sequence_type"):
            raise Unservable(f"{prefix} {info.name} is of type {kind.removesuffix('_type')}")
        with open(path, "rb") as file:
            content = file.read()
        if kind == "tensor_type":
            values[info.name] = read_tensor(onnx.TensorProto.FromString(content), info.type.tensor_type.elem_type)
        else:
            values[info.name] = read_sequence(info, content)
    return values


def read_tensor(tensor, declared):
    if declared not in DATATYPES:
        raise Unservable(f"{tensor.name} has elements of type {declared}")
    array = numpy_helper.to_array(tensor)
    if declared == onnx.TensorProto.BFLOAT16 and tensor.data_type == onnx.TensorProto.UINT16:
        # Written when numpy had no name for the type: the bits are there, called integers.
        array = bf16_values(array)
    return Value(DATATYPES[declared], array)


def read_sequence(info, content):
    element = info.type.sequence_type.elem_type.tensor_type.elem_type
    return Sequence(DATATYPES[element], [read_tensor(tensor, element) for tensor in onnx.SequenceProto.FromString(content).tensor_values])
