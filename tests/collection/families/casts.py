"""Cast between all types, with values that both sides can hold, and those that saturate, round or are text."""

import numpy as np

from kit import TYPES, Value, boolean, fp16, fp32, fp64, int32, int64, text
from onnx import TensorProto

SMALL = {"BOOL": [True, False, True]}


def small(datatype):
    if datatype in SMALL:
        return SMALL[datatype]
    if datatype.startswith("UINT"):
        return [0, 1, 100]
    return [0, -3, 100]


def add_cases(c):
    for datatype, (onnx_type, _) in TYPES.items():
        if datatype == "BYTES":
            continue
        name = datatype.lower()
        numbers = small(datatype)
        wide = fp64([float(number) for number in numbers])
        c.op(f"cast-to-{name}", "Cast", [wide], [Value(datatype, numbers)], to=onnx_type)
        c.op(f"cast-{name}-to-fp64", "Cast", [Value(datatype, numbers)], [wide], to=TensorProto.DOUBLE)
        c.op(f"cast-{name}-to-fp32", "Cast", [Value(datatype, numbers)], [fp32(wide.array)], to=TensorProto.FLOAT)

    c.op("cast-fp32-to-int32-truncates", "Cast", [fp32([1.9, -1.9, 0.5, -0.5])], [int32([1, -1, 0, 0])], to=TensorProto.INT32)
    c.op("cast-fp32-to-fp16-rounds", "Cast", [fp32([0.1, 2049.0, 65519.0, 1e-8, 1e9])], [fp16(np.float16([0.1, 2048.0, 65504.0, 0.0, np.inf]))],
         to=TensorProto.FLOAT16, tolerance=0)
    c.op("cast-fp32-to-bf16-rounds", "Cast", [fp32([1.00390625, 1.01171875, 3.1415927, -1e38])],
         [Value("BF16", [1.00390625, 1.01171875, 3.1415927, -1e38])], to=TensorProto.BFLOAT16, tolerance=0)
    c.op("cast-fp32-to-bool", "Cast", [fp32([0.0, -0.0, 0.1, np.nan, np.inf])], [boolean([False, False, True, True, True])], to=TensorProto.BOOL)
    c.op("cast-int64-to-bytes", "Cast", [int64([0, -1, 2**63 - 1, -(2**63)])],
         [text(["0", "-1", "9223372036854775807", "-9223372036854775808"])], to=TensorProto.STRING)
    c.op("cast-bytes-to-fp32", "Cast", [text(["1.5", "-2e-3", "NaN", "INF", "-INF"])], [fp32([1.5, -2e-3, np.nan, np.inf, -np.inf])],
         to=TensorProto.FLOAT)
    c.op("cast-bytes-to-int64", "Cast", [text(["42", "-7"])], [int64([42, -7])], to=TensorProto.INT64)
    c.op("cast-like-int32", "CastLike", [fp32([1.5, -2.5]), int32([0])], [int32([1, -2])])
