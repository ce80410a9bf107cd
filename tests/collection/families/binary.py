"""Functions of two or more tensors, element by element, with broadcasting."""

import numpy as np

from kit import Value, boolean, fp16, fp32, fp64, int32, int64, normal, uint8

A, B = normal(11, 2, 3), normal(12, 2, 3)
ROW, COLUMN = normal(13, 3), normal(14, 2, 1)
COMPARISONS = {"Equal": np.equal, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Less": np.less, "LessOrEqual": np.less_equal}


def add_cases(c):
    for operator, oracle in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide)):
        name = operator.lower()
        c.op(f"{name}-same-shape", operator, [fp32(A), fp32(B)], [fp32(oracle(A, B))])
        c.op(f"{name}-row", operator, [fp32(A), fp32(ROW)], [fp32(oracle(A, ROW))])
        c.op(f"{name}-outer", operator, [fp32(COLUMN), fp32(ROW)], [fp32(oracle(COLUMN, ROW))])
        c.op(f"{name}-fp16", operator, [fp16(A), fp16(B)], [fp16(oracle(np.float16(A), np.float16(B)))])
        c.op(f"{name}-fp64", operator, [fp64(A), fp64(B)], [fp64(oracle(A.astype(np.float64), B.astype(np.float64)))])

    c.op("add-int64", "Add", [int64([1, 2]), int64([[10], [20]])], [int64([[11, 12], [21, 22]])])
    c.op("sub-int32", "Sub", [int32([1, 2]), int32([5, -5])], [int32([-4, 7])])
    c.op("mul-int32", "Mul", [int32([-3, 4]), int32(7)], [int32([-21, 28])])
    c.op("div-int64-truncates", "Div", [int64([7, -7, 7, -7]), int64([2, 2, -2, -2])], [int64([3, -3, -3, 3])])
    c.op("pow", "Pow", [fp32([1, 2, 3]), fp32([3, -1, 0.5])], [fp32([1, 0.5, 3**0.5])])
    c.op("pow-mixed-types", "Pow", [fp32([2, 3]), int64([10, 2])], [fp32([1024, 9])])
    c.op("mod-sign-of-divisor", "Mod", [int32([7, -7, 7, -7]), int32([3, 3, -3, -3])], [int32([1, 2, -2, -1])])
    c.op("mod-sign-of-dividend", "Mod", [fp32([5.3, -5.3]), fp32([2, 2])], [fp32(np.fmod(np.float32([5.3, -5.3]), 2))], fmod=1)
    c.op("sum-variadic", "Sum", [fp32(A), fp32(ROW), fp32(1)], [fp32(A + ROW + 1)])
    c.op("mean-variadic", "Mean", [fp32(A), fp32(B), fp32(A)], [fp32((2 * A + B) / 3)])
    c.op("max-variadic", "Max", [fp32(A), fp32(B), fp32(0)], [fp32(np.maximum(np.maximum(A, B), 0))])
    c.op("min-int64", "Min", [int64([1, 5]), int64([3, 3])], [int64([1, 3])])

    for operator, oracle in COMPARISONS.items():
        left, right = np.float32([[1, 2, np.nan]]), np.float32([[2], [1]])
        c.op(f"{operator.lower()}-fp32", operator, [fp32(left), fp32(right)], [boolean(oracle(left, right))])
        left, right = np.int64([2**53, -1]), np.int64([2**53 + 1, -1])
        c.op(f"{operator.lower()}-int64", operator, [int64(left), int64(right)], [boolean(oracle(left, right))])

    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    for operator, oracle in (("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor)):
        c.op(operator.lower(), operator, [boolean(p), boolean(q)], [boolean(oracle(p, q))])
        bits = np.uint8([0b1100, 255]), np.uint8([0b1010, 0])
        bitwise = {"And": np.bitwise_and, "Or": np.bitwise_or, "Xor": np.bitwise_xor}[operator](*bits)
        c.op(f"bitwise-{operator.lower()}", f"Bitwise{operator}", [uint8(bits[0]), uint8(bits[1])], [uint8(bitwise)], opset=18)

    c.op("bit-shift-right", "BitShift", [uint8([16, 255]), uint8([2, 7])], [uint8([4, 1])], direction="RIGHT")
    c.op("where", "Where", [boolean([[True], [False]]), fp32(ROW), fp32(0)], [fp32([ROW, [0, 0, 0]])])
    c.op("where-uint8", "Where", [boolean([True, False]), uint8([255]), uint8([7])], [uint8([255, 7])])
    c.op("where-strings", "Where", [boolean([True, False]), Value("BYTES", ["ja", "ja"]), Value("BYTES", "nein")], [Value("BYTES", ["ja", "nein"])])
