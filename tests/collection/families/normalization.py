"""Normalization and softmax."""

import numpy as np

from kit import Const, fp16, fp32, fp64, normal

X = normal(71, 2, 3, 4)
IMAGE = normal(72, 2, 3, 2, 2)
SCALE, SHIFT = np.float32([1, 2, 0.5]), np.float32([0, -1, 1])


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def standardize(x, axes, epsilon):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def add_cases(c):
    x, image = X.astype(np.float64), IMAGE.astype(np.float64)
    c.op("softmax", "Softmax", [fp32(X)], [fp32(softmax(x, -1))])
    c.op("softmax-middle-axis", "Softmax", [fp32(X)], [fp32(softmax(x, 1))], axis=1)
    c.op("softmax-large-numbers", "Softmax", [fp32([[1000, 1001], [-1000, -1000]])], [fp32(softmax(np.array([[1000.0, 1001], [-1000, -1000]]), 1))])
    c.op("softmax-opset11-flattens", "Softmax", [fp32(X)], [fp32(softmax(x.reshape(2, 12), 1).reshape(2, 3, 4))], axis=1, opset=11)
    c.op("softmax-fp16", "Softmax", [fp16(X)], [fp16(softmax(np.float16(X).astype(np.float64), -1))])
    c.op("softmax-fp64", "Softmax", [fp64(X)], [fp64(softmax(x, -1))])
    c.op("logsoftmax", "LogSoftmax", [fp32(X)], [fp32(np.log(softmax(x, -1)))], tolerance=1e-5)
    c.op("hardmax", "Hardmax", [fp32(X)], [fp32(X == X.max(-1, keepdims=True))])
    by_channel = (1, 3, 1, 1)
    mean, variance = np.float32([0.5, 0, -1]), np.float32([1, 4, 0.25])
    normalized = (image - mean.reshape(by_channel)) / np.sqrt(variance.reshape(by_channel) + 1e-5)
    c.op("batch-normalization", "BatchNormalization", [fp32(IMAGE), *(Const(fp32(part)) for part in (SCALE, SHIFT, mean, variance))],
         [fp32(normalized * SCALE.reshape(by_channel) + SHIFT.reshape(by_channel))], tolerance=1e-5)
    c.op("instance-normalization", "InstanceNormalization", [fp32(IMAGE), Const(fp32(SCALE)), Const(fp32(SHIFT))],
         [fp32(standardize(image, (2, 3), 1e-5) * SCALE.reshape(by_channel) + SHIFT.reshape(by_channel))], tolerance=1e-4)
    c.op("layer-normalization", "LayerNormalization", [fp32(X.transpose(0, 2, 1)), Const(fp32(SCALE)), Const(fp32(SHIFT))],
         [fp32(standardize(x.transpose(0, 2, 1), (2,), 1e-5) * SCALE + SHIFT)], tolerance=1e-4)
    c.op("mean-variance-normalization", "MeanVarianceNormalization", [fp32(IMAGE)], [fp32(standardize(image, (0, 2, 3), 1e-9))], tolerance=1e-4)
    squares = np.pad(image**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    window = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    c.op("local-response-normalization", "LRN", [fp32(IMAGE)], [fp32(image / (1.0 + 0.3 / 3 * window) ** 0.75)], size=3, alpha=0.3, beta=0.75, bias=1.0,
         tolerance=1e-5)
    c.op("lp-normalization", "LpNormalization", [fp32(X)], [fp32(x / np.sqrt((x**2).sum(1, keepdims=True)))], axis=1, p=2, tolerance=1e-5)
