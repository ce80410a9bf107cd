"""Reductions over some or all axes, and the places of extremes."""

import numpy as np

from kit import Const, fp16, fp32, fp64, int32, int64, normal

X = normal(41, 2, 3, 4)
POSITIVE = np.abs(X) + np.float32(0.1)

ORACLES = {
    "ReduceL1": (X, lambda x, **k: np.sum(np.abs(x), **k)),
    "ReduceL2": (X, lambda x, **k: np.sqrt(np.sum(x * x, **k))),
    "ReduceLogSum": (POSITIVE, lambda x, **k: np.log(np.sum(x, **k))),
    "ReduceLogSumExp": (X, lambda x, **k: np.log(np.sum(np.exp(x), **k))),
    "ReduceMax": (X, np.max),
    "ReduceMean": (X, np.mean),
    "ReduceMin": (X, np.min),
    "ReduceProd": (X, np.prod),
    "ReduceSumSquare": (X, lambda x, **k: np.sum(x * x, **k)),
}


def add_cases(c):
    for operator, (x, oracle) in ORACLES.items():
        wide = x.astype(np.float64)
        name = operator.lower()
        c.op(f"{name}-one-axis", operator, [fp32(x)], [fp32(oracle(wide, axis=1))], axes=[1], keepdims=0, tolerance=1e-5)
        c.op(f"{name}-all-kept", operator, [fp32(x)], [fp32(oracle(wide, axis=(0, 1, 2), keepdims=True))], tolerance=1e-5)
        c.op(f"{name}-opset18", operator, [fp32(x), int64([-1, 0])], [fp32(oracle(wide, axis=(-1, 0)))], keepdims=0, opset=18, tolerance=1e-5)

    c.op("reducesum-axes-as-input", "ReduceSum", [fp32(X), int64([0, 2])], [fp32(X.sum((0, 2), keepdims=True))], tolerance=1e-5)
    c.op("reducesum-nothing", "ReduceSum", [fp32(X), Const(int64([]))], [fp32(X)], noop_with_empty_axes=1)
    c.op("reducesum-to-scalar", "ReduceSum", [fp64(X)], [fp64(X.astype(np.float64).sum())], keepdims=0)
    c.op("reducesum-int64", "ReduceSum", [int64([[2**60, 1], [2**60, 2]]), int64([0])], [int64([2**61, 3])], keepdims=0)
    c.op("reducemax-int32", "ReduceMax", [int32([[1, -5], [3, 2]])], [int32([3, 2])], axes=[0], keepdims=0)
    c.op("reducemean-fp16", "ReduceMean", [fp16(X)], [fp16(np.float16(X).astype(np.float64).mean(2))], axes=[2], keepdims=0)
    c.op("argmax", "ArgMax", [fp32(X)], [int64(X.argmax(1)[:, None])], axis=1)
    c.op("argmin-flat-axis", "ArgMin", [fp32(X)], [int64(X.argmin(-1))], axis=-1, keepdims=0)
    c.op("argmax-first-of-ties", "ArgMax", [int32([3, 7, 7])], [int64([1])])
    c.op("argmax-last-of-ties", "ArgMax", [int32([3, 7, 7])], [int64(2)], select_last_index=1, keepdims=0)
