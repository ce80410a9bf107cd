"""Gather, scatter, select and sort."""

import numpy as np

from kit import Const, boolean, fp32, int32, int64, normal, text

TABLE = normal(31, 3, 4)


def add_cases(c):
    c.op("gather-rows", "Gather", [fp32(TABLE), int64([[2, 0], [-1, 1]])], [fp32(TABLE[[[2, 0], [-1, 1]]])])
    c.op("gather-scalar-index", "Gather", [fp32(TABLE), int64(1)], [fp32(TABLE[:, 1])], axis=1)
    c.op("gather-int32-index", "Gather", [text(["a", "b", "c"]), int32([1, 1])], [text(["b", "b"])])
    c.op("gather-elements", "GatherElements", [fp32(TABLE), int64([[0, -1], [1, 2], [3, 3]])],
         [fp32(np.take_along_axis(TABLE, np.array([[0, 3], [1, 2], [3, 3]]), 1))], axis=1)
    c.op("gather-nd", "GatherND", [fp32(TABLE), int64([[0, 1], [2, -1]])], [fp32(TABLE[[0, 2], [1, 3]])])
    c.op("gather-nd-rows", "GatherND", [fp32(TABLE), int64([[1], [0]])], [fp32(TABLE[[1, 0]])])
    scattered = TABLE.copy()
    scattered[[1, 0], [0, 1]] = [100, 200]
    c.op("scatter-elements", "ScatterElements", [fp32(TABLE), int64([[1, 0]]), fp32([[100, 200]])], [fp32(scattered)])
    c.op("scatter-elements-add", "ScatterElements", [fp32([1, 2, 3]), int64([1, 1]), fp32([10, 20])], [fp32([1, 32, 3])], reduction="add")
    rows = TABLE.copy()
    rows[2] = 5
    c.op("scatter-nd", "ScatterND", [fp32(TABLE), int64([[2]]), fp32([[5, 5, 5, 5]])], [fp32(rows)])
    c.op("one-hot", "OneHot", [int64([1, -1, 7]), Const(int64(3)), fp32([0, 9])], [fp32([[0, 9, 0], [0, 0, 9], [0, 0, 0]])])
    c.op("nonzero", "NonZero", [int32([[0, 3], [4, 0]])], [int64([[0, 1], [1, 0]])])
    c.op("compress-axis", "Compress", [fp32(TABLE), boolean([True, False, True])], [fp32(TABLE[[0, 2]])], axis=0)
    c.op("compress-flat", "Compress", [int64([[1, 2], [3, 4]]), boolean([False, True, True])], [int64([2, 3])])

    order = np.argsort(-TABLE, 1, "stable")[:, :2]
    c.op("topk-largest", "TopK", [fp32(TABLE), int64([2])], [fp32(np.take_along_axis(TABLE, order, 1)), int64(order)], axis=1)
    order = np.argsort(TABLE, 0, "stable")[:2]
    c.op("topk-smallest", "TopK", [fp32(TABLE), int64([2])], [fp32(np.take_along_axis(TABLE, order, 0)), int64(order)], axis=0, largest=0)
    c.op("topk-int64-ties", "TopK", [int64([5, 9, 5, 9]), int64([3])], [int64([9, 9, 5]), int64([1, 3, 0])])
    c.op("unique-sorted", "Unique", [fp32([2, 1, 1, 3, 2])], [fp32([1, 2, 3]), int64([1, 0, 3]), int64([1, 0, 0, 2, 1]), int64([2, 2, 1])])
    c.op("unique-in-order", "Unique", [int64([7, -1, 7])], [int64([7, -1]), int64([0, 1]), int64([0, 1, 0]), int64([2, 1])], sorted=0)
    c.op("unique-strings", "Unique", [text(["b", "a", "b"])], [text(["a", "b"])])
    c.op("cumsum", "CumSum", [fp32(TABLE), int64(1)], [fp32(np.cumsum(TABLE, 1))])
    c.op("cumsum-exclusive-reverse", "CumSum", [int64([1, 2, 3]), int32(0)], [int64([5, 3, 0])], exclusive=1, reverse=1)

    boxes = [[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11]]]
    c.op("non-max-suppression", "NonMaxSuppression",
         [fp32(boxes), fp32([[[0.9, 0.75, 0.95]]]), int64([3]), fp32([0.5]), fp32([0])], [int64([[0, 0, 2], [0, 0, 0]])])
    c.op("non-max-suppression-none", "NonMaxSuppression",
         [fp32(boxes), fp32([[[0.1, 0.1, 0.1]]]), int64([3]), fp32([0.5]), fp32([0.5])], [int64([], (0, 3))])
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    c.op("grid-sample", "GridSample", [fp32(x), fp32([[[[-1, -1], [0, 0], [1, 1], [0.5, 0]]]])], [fp32([[[[0, 4, 8, 4.5]]]])],
         mode="bilinear", align_corners=1)
    c.op("roi-align", "RoiAlign", [fp32(np.full((1, 1, 4, 4), 3)), fp32([[0, 0, 3, 3]]), int64([0])], [fp32([[[[3]]]])], sampling_ratio=2)
