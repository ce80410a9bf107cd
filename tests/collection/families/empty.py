"""Tensors without elements: asked with, answered with, and made on the way."""

import numpy as np

from kit import TYPES, Const, Value, boolean, fp32, int64, text


def add_cases(c):
    for datatype in TYPES:
        nothing = Value(datatype, [], (2, 0, 3))
        c.op(f"empty-identity-{datatype.lower()}", "Identity", [nothing], [nothing])

    for axis in range(3):
        shape = [2, 3, 4]
        shape[axis] = 0
        zeros = fp32(np.zeros(shape))
        c.op(f"empty-axis{axis}-add", "Add", [zeros, fp32([1, 2, 3, 4][:shape[2] or 1])], [zeros])

    c.op("empty-inner-matmul", "MatMul", [fp32(np.zeros((2, 0))), fp32(np.zeros((0, 3)))], [fp32(np.zeros((2, 3)))])
    c.op("empty-outer-matmul", "MatMul", [fp32(np.zeros((0, 4))), fp32(np.ones((4, 2)))], [fp32(np.zeros((0, 2)))])
    c.op("empty-relu", "Relu", [fp32([])], [fp32([])])
    c.op("empty-sum", "ReduceSum", [fp32(np.zeros((0, 2))), Const(int64([0]))], [fp32([0, 0])], keepdims=0)
    c.op("empty-nonzero", "NonZero", [fp32([0, 0, 0])], [int64([], (1, 0))])
    c.op("empty-compress", "Compress", [fp32([1, 2]), boolean([False, False])], [fp32([])])
    c.op("empty-slice", "Slice", [fp32([[1, 2]]), int64([1]), int64([1]), int64([1])], [fp32([], (1, 0))])
    c.op("empty-concat", "Concat", [fp32([], (0, 2)), fp32([[1, 2]]), fp32([], (0, 2))], [fp32([[1, 2]])], axis=0)
    c.op("empty-shape", "Shape", [text([], (0, 5))], [int64([0, 5])])
    c.op("empty-size", "Size", [int64([], (3, 0))], [int64(0)])
    c.op("empty-reshape", "Reshape", [fp32([], (0, 4)), Const(int64([2, 0, 5]))], [fp32([], (2, 0, 5))], allowzero=1)
    c.op("empty-constant-of-shape", "ConstantOfShape", [int64([0, 3])], [fp32([], (0, 3))])
    c.op("empty-range", "Range", [int64(5), int64(5), int64(1)], [int64([])])
    c.op("empty-shape-means-scalar", "ConstantOfShape", [int64([])], [fp32(0)])
