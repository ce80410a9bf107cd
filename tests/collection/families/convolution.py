"""Convolutions and pools, against plain loops."""

import itertools

import numpy as np

from kit import Const, fp16, fp32, int64, normal

X, W, BIAS = normal(61, 2, 3, 6, 5), normal(62, 4, 3, 3, 2), normal(63, 4)


def windows(x, size, strides, pads, dilations, fill=0.0):
    """All windows of the spatial axes: [n, c, out.., size..]."""
    rank = len(size)
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:])], constant_values=fill)
    reach = [dilation * (length - 1) + 1 for length, dilation in zip(size, dilations)]
    out = [(x.shape[2 + axis] - reach[axis]) // strides[axis] + 1 for axis in range(rank)]
    result = np.empty((*x.shape[:2], *out, *size))
    for place in itertools.product(*map(range, out)):
        cut = tuple(slice(place[axis] * strides[axis], place[axis] * strides[axis] + reach[axis], dilations[axis]) for axis in range(rank))
        result[(slice(None), slice(None), *place)] = x[(slice(None), slice(None), *cut)]
    return result


def conv(x, w, bias=None, strides=None, pads=None, dilations=None, group=1):
    rank = x.ndim - 2
    seen = windows(x, w.shape[2:], strides or [1] * rank, pads or [0] * 2 * rank, dilations or [1] * rank)
    parts = [np.tensordot(part, weights.astype(np.float64), ([1, *range(2 + rank, 2 + 2 * rank)], [1, *range(2, 2 + rank)]))
             for part, weights in zip(np.split(seen, group, 1), np.split(w, group))]
    y = np.moveaxis(np.concatenate(parts, -1), -1, 1)
    return y if bias is None else y + bias.reshape(1, -1, *[1] * rank)


def conv_transpose(x, w, strides, pads):
    """Each input element stamps the kernel, scaled, on the output."""
    n, _, height, width = x.shape
    _, filters, kh, kw = w.shape
    y = np.zeros((n, filters, strides[0] * (height - 1) + kh, strides[1] * (width - 1) + kw))
    for i, j in itertools.product(range(height), range(width)):
        y[:, :, i * strides[0]:i * strides[0] + kh, j * strides[1]:j * strides[1] + kw] += np.einsum("nc,cfhw->nfhw", x[:, :, i, j], w)
    return y[:, :, pads[0]:y.shape[2] - pads[2], pads[1]:y.shape[3] - pads[3]]


def pool(x, size, reduce, strides=None, pads=None, fill=0.0):
    rank = len(size)
    seen = windows(x, size, strides or [1] * rank, pads or [0] * 2 * rank, [1] * rank, fill)
    return reduce(seen, axis=tuple(range(2 + rank, 2 + 2 * rank)))


def add_cases(c):
    close = {"tolerance": 1e-5}
    c.op("conv2d", "Conv", [fp32(X), Const(fp32(W)), Const(fp32(BIAS))], [fp32(conv(X, W, BIAS))], **close)
    c.op("conv2d-weights-sent", "Conv", [fp32(X), fp32(W)], [fp32(conv(X, W))], **close)
    options = {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2]}
    c.op("conv2d-strides-pads-dilations", "Conv", [fp32(X), Const(fp32(W))], [fp32(conv(X, W, **options))], **options, **close)
    depthwise = normal(64, 3, 1, 3, 3)
    c.op("conv2d-depthwise", "Conv", [fp32(X), Const(fp32(depthwise))], [fp32(conv(X, depthwise, group=3))], group=3, **close)
    line, kernel = normal(65, 1, 2, 9), normal(66, 2, 2, 3)
    c.op("conv1d-same", "Conv", [fp32(line), Const(fp32(kernel))], [fp32(conv(line, kernel, pads=[1, 1]))], auto_pad="SAME_UPPER", **close)
    cube, kernel = normal(67, 1, 1, 3, 3, 3), normal(68, 2, 1, 2, 2, 2)
    c.op("conv3d", "Conv", [fp32(cube), Const(fp32(kernel))], [fp32(conv(cube, kernel))], **close)
    c.op("conv2d-fp16", "Conv", [fp16(X), Const(fp16(W))], [fp16(conv(np.float16(X), np.float16(W)))], tolerance=1e-2)
    x, w = normal(69, 1, 2, 3, 3), normal(70, 2, 3, 3, 3)
    c.op("conv-transpose", "ConvTranspose", [fp32(x), Const(fp32(w))], [fp32(conv_transpose(x, w, [2, 2], [1, 1, 1, 1]))],
         strides=[2, 2], pads=[1, 1, 1, 1], **close)

    c.op("maxpool", "MaxPool", [fp32(X)], [fp32(pool(X, (2, 2), np.max, (2, 2)))], kernel_shape=[2, 2], strides=[2, 2])
    padded = pool(X, (3, 3), np.max, pads=[1, 1, 1, 1], fill=-np.inf)
    c.op("maxpool-padded", "MaxPool", [fp32(X)], [fp32(padded)], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    c.op("maxpool-with-indices", "MaxPool", [fp32([[[1, 3, 2, 8]]])], [fp32([[[3, 8]]]), int64([[[1, 3]]])], kernel_shape=[2], strides=[2])
    c.op("averagepool", "AveragePool", [fp32(X)], [fp32(pool(X, (3, 2), np.mean))], kernel_shape=[3, 2])
    counted = pool(X, (3, 3), np.sum, pads=[1, 1, 1, 1]) / 9
    c.op("averagepool-counts-pads", "AveragePool", [fp32(X)], [fp32(counted)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    real = pool(np.ones_like(X), (3, 3), np.sum, pads=[1, 1, 1, 1])
    c.op("averagepool-without-pads", "AveragePool", [fp32(X)], [fp32(counted * 9 / real)], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    c.op("lppool", "LpPool", [fp32(X)], [fp32(pool(X * X, (2, 2), np.sum) ** 0.5)], kernel_shape=[2, 2], p=2, **close)
    c.op("global-averagepool", "GlobalAveragePool", [fp32(X)], [fp32(X.astype(np.float64).mean((2, 3), keepdims=True))])
    c.op("global-maxpool", "GlobalMaxPool", [fp32(X)], [fp32(X.max((2, 3), keepdims=True))])
    c.op("max-unpool", "MaxUnpool", [fp32([[[[5, 7]]]]), int64([[[[1, 2]]]])], [fp32([[[[0, 5, 7, 0]]]])], kernel_shape=[1, 2], strides=[1, 2])
