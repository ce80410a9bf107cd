"""Results that JSON has no number for, and numbers that a double cannot hold or that are easily flushed away."""

import numpy as np

from kit import Value, boolean, fp16, fp32, fp64, int64

UINT64_MAX = 2**64 - 1


def add_cases(c):
    for name, make in (("fp16", fp16), ("fp32", fp32), ("fp64", fp64)):
        c.op(f"divide-by-zero-{name}", "Div", [make([1, -1, 0]), make([0, 0, 0])], [make([np.inf, -np.inf, np.nan])])
        c.op(f"log-of-nothing-{name}", "Log", [make([0, -1, 1])], [make([-np.inf, np.nan, 0])])
        c.op(f"root-of-negative-{name}", "Sqrt", [make([-4, 4])], [make([np.nan, 2])])
        c.op(f"non-finite-in-{name}", "Neg", [make([np.nan, np.inf, -np.inf])], [make([np.nan, -np.inf, np.inf])])
    c.op("overflow-to-infinity", "Mul", [fp32([3e38, -3e38]), fp32([10, 10])], [fp32([np.inf, -np.inf])])
    c.op("exp-overflow", "Exp", [fp32([1000, -1000])], [fp32([np.inf, 0])])
    c.op("is-nan", "IsNaN", [fp32([np.nan, np.inf, 0])], [boolean([True, False, False])])
    c.op("is-infinite", "IsInf", [fp32([np.nan, np.inf, -np.inf, 0])], [boolean([False, True, True, False])])
    c.op("is-negative-infinite", "IsInf", [fp64([np.inf, -np.inf])], [boolean([False, True])], detect_positive=0)
    c.op("all-nan", "Add", [fp32(np.full((2, 3), np.nan)), fp32(1)], [fp32(np.full((2, 3), np.nan))])

    tiny = np.float32(2.0**-149)
    c.op("denormal-add-fp32", "Add", [fp32([tiny, -tiny]), fp32([tiny, -tiny])], [fp32([2 * tiny, -2 * tiny])], tolerance=0)
    c.op("denormal-mul-fp32", "Mul", [fp32([2.0**-100]), fp32([2.0**-40])], [fp32([2.0**-140])], tolerance=0)
    c.op("denormal-add-fp64", "Add", [fp64([5e-324]), fp64([5e-324])], [fp64([1e-323])], tolerance=0)

    c.op("int64-beyond-double", "Add", [int64([2**53, 2**63 - 2, -(2**63)]), int64([1, 1, 0])], [int64([2**53 + 1, 2**63 - 1, -(2**63)])])
    c.op("int64-product", "Mul", [int64([3037000499, -(2**62)]), int64([3037000499, 2])], [int64([9223372030926249001, -(2**63)])])
    big = Value("UINT64", [UINT64_MAX, 2**63, 2**53 + 1, 0])
    c.op("uint64-max", "Max", [big, Value("UINT64", [0])], [big])
    c.op("uint64-order", "Less", [Value("UINT64", [2**63, 1]), Value("UINT64", [UINT64_MAX, 0])], [boolean([True, False])])
    c.op("uint64-shift", "BitShift", [Value("UINT64", [UINT64_MAX, 1]), Value("UINT64", [1, 63])], [Value("UINT64", [UINT64_MAX - 1, 2**63])],
         direction="LEFT")
    c.op("fp32-every-digit", "Identity", [fp32(digits())], [fp32(digits())], tolerance=0)
    c.op("fp64-every-digit", "Identity", [fp64(digits64())], [fp64(digits64())], tolerance=0)


def digits():
    """Random bit patterns of finite float32: what a careless number formatter or parser gets wrong."""
    bits = np.random.RandomState(1).randint(0, 2**32, 400, np.uint32)
    numbers = bits.view(np.float32)
    return numbers[np.isfinite(numbers)]


def digits64():
    bits = np.random.RandomState(2).randint(0, 2**63, 400, np.int64)
    numbers = bits.view(np.float64)
    return numbers[np.isfinite(numbers)]
