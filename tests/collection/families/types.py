"""Every tensor type of the contract: its extreme values, and operators that only move elements."""

import numpy as np

from kit import TYPES, Const, Value, int64

STRINGS = ["", "plain", "line\nbreak\ttab\r", 'quote " and \\ backslash / slash', "äöü ß é", "日本語", "🙂👩‍👩‍👧", "\u0001\u001f\u007f",
           "e\u0301 \u202eright-to-left\u202c \ufeff", "nul\0inside", "x" * 1000, "null", "NaN"]

EXTREMES = {
    "BOOL": [True, False, True],
    "FP16": [0.0, -0.0, 65504.0, -65504.0, 2.0**-14, 2.0**-24, -(2.0**-24), 0.1, np.nan, np.inf, -np.inf],
    "BF16": [0.0, -0.0, 3.3895313892515355e38, 2.0**-126, 2.0**-133, -1.5, 0.1, np.nan, np.inf, -np.inf],
    "FP32": [0.0, -0.0, 3.4028234663852886e38, -3.4028234663852886e38, 2.0**-126, 2.0**-149, -(2.0**-149), 0.1, 16777217.0,
             1 / 3, np.nan, np.inf, -np.inf],
    "FP64": [0.0, -0.0, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, -5e-324, 0.1, 1 / 3,
             9007199254740993.0, 1e22, 123456789.123456789, np.nan, np.inf, -np.inf],
    "BYTES": STRINGS,
}


def extremes(datatype):
    if datatype in EXTREMES:
        return EXTREMES[datatype]
    limits = np.iinfo(TYPES[datatype][1])
    beyond_double = [2**53, 2**53 + 1] if limits.max > 2**53 else []
    return [limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max, *beyond_double]


def six(datatype):
    return (extremes(datatype) * 3)[:6]


def add_cases(c):
    for datatype in TYPES:
        name = datatype.lower()
        value = Value(datatype, extremes(datatype))
        c.op(f"identity-{name}", "Identity", [value], [value], tolerance=0)

        matrix = Value(datatype, six(datatype), (2, 3))
        c.op(f"transpose-{name}", "Transpose", [matrix], [Value(datatype, matrix.array.T)], perm=[1, 0], tolerance=0)
        c.op(f"reshape-{name}", "Reshape", [matrix, Const(int64([3, -1]))], [Value(datatype, matrix.array.reshape(3, 2))], tolerance=0)
        c.op(f"gather-{name}", "Gather", [matrix, int64([[2, -3]])], [Value(datatype, np.take(matrix.array, [[2, -3]], 1))],
             axis=1, tolerance=0)
        joined = np.concatenate([matrix.array, matrix.array[:1]])
        c.op(f"concat-{name}", "Concat", [matrix, Value(datatype, matrix.array[:1])], [Value(datatype, joined)], axis=0, tolerance=0)
