"""Eight-bit arithmetic."""

import numpy as np

from kit import Const, fp32, int8, int32, normal, uint8

X = normal(111, 3, 4)


def quantize(x, scale, zero, low, high):
    return np.clip(np.rint(x / scale) + zero, low, high)


def add_cases(c):
    c.op("quantize-uint8", "QuantizeLinear", [fp32([-300, -1, 0, 1.5, 2.5, 300]), Const(fp32(2)), Const(uint8(128))],
         [uint8([0, 128, 128, 129, 129, 255])])
    by_row = np.float32([[0.1], [0.2], [0.5]])
    rows = quantize(X, by_row, 0, -128, 127)
    c.op("quantize-int8-by-row", "QuantizeLinear", [fp32(X), Const(fp32(by_row.ravel())), Const(int8([0, 0, 0]))], [int8(rows)], axis=0)
    c.op("dequantize-uint8", "DequantizeLinear", [uint8([0, 128, 255]), Const(fp32(0.5)), Const(uint8(128))], [fp32([-64, 0, 63.5])])
    c.op("dequantize-int32", "DequantizeLinear", [int32([-7, 9]), Const(fp32(0.25))], [fp32([-1.75, 2.25])])
    low, high = min(0.0, X.min()), max(0.0, X.max())
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    c.op("dynamic-quantize", "DynamicQuantizeLinear", [fp32(X)], [uint8(quantize(X, scale, zero, 0, 255)), fp32(scale), uint8(zero)])
    a, b = np.uint8([[10, 20], [30, 40]]), np.uint8([[1, 2], [3, 4]])
    product = (a.astype(np.int32) - 20) @ (b.astype(np.int32) - 1)
    quantized = quantize(product * np.float32(0.5) * np.float32(0.25) / np.float32(0.125), 1, 100, 0, 255)
    c.op("qlinear-matmul", "QLinearMatMul", [uint8(a), *map(Const, (fp32(0.5), uint8(20), uint8(b), fp32(0.25), uint8(1), fp32(0.125), uint8(100)))],
         [uint8(quantized)])
    image, kernel = np.uint8(range(9)).reshape(1, 1, 3, 3), np.uint8([[[[1, 1], [1, 1]]]])
    total = np.int32([[[[8, 12], [20, 24]]]])
    c.op("conv-integer", "ConvInteger", [uint8(image), Const(uint8(kernel)), Const(uint8(1))], [int32(total - 4)])
    c.op("qlinear-conv", "QLinearConv", [uint8(image), *map(Const, (fp32(1), uint8(0), uint8(kernel), fp32(1), uint8(0), fp32(2), uint8(3)))],
         [uint8(total // 2 + 3)])
