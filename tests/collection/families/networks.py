"""Small whole networks, where the optimizer fuses nodes and a batch goes through."""

import numpy as np
from onnx import TensorProto, helper

from kit import fp32, int64, make_model, normal
from families.convolution import conv, pool
from families.normalization import softmax, standardize


def add_cases(c):
    for batch in (1, 7, 64):
        mlp(c, f"mlp-batch-{batch}", normal(161, batch, 4))
    cnn(c, normal(162, 3, 1, 8, 8))
    for length in (1, 12):
        encoder(c, f"encoder-length-{length}", np.arange(2 * length).reshape(2, length) * 7 % 20)


def network(c, name, nodes, inputs, outputs, weights):
    declared = [helper.make_tensor_value_info(key, kind, dims) for key, (kind, dims, _) in inputs.items()]
    results = [helper.make_tensor_value_info(key, TensorProto.FLOAT, None) for key in outputs]
    initializers = [value.to_tensor(key) for key, value in weights.items()]
    c.add(name, make_model(nodes, declared, results, initializers), {key: value for key, (_, _, value) in inputs.items()}, outputs, 1e-5)


def mlp(c, name, x):
    w1, b1, w2, b2 = normal(163, 4, 16), normal(164, 16), normal(165, 16, 3), normal(166, 3)
    nodes = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]), helper.make_node("Relu", ["h"], ["a"]),
             helper.make_node("Gemm", ["a", "w2", "b2"], ["z"]), helper.make_node("Softmax", ["z"], ["probabilities"])]
    expected = softmax(np.maximum(x.astype(np.float64) @ w1 + b1, 0) @ w2 + b2, 1)
    network(c, name, nodes, {"x": (TensorProto.FLOAT, ["batch", 4], fp32(x))}, {"probabilities": fp32(expected)},
            {"w1": fp32(w1), "b1": fp32(b1), "w2": fp32(w2), "b2": fp32(b2)})


def cnn(c, x):
    k, b, w = normal(167, 4, 1, 3, 3), normal(168, 4), normal(169, 36, 5) * np.float32(0.3)
    nodes = [helper.make_node("Conv", ["image", "k", "b"], ["h"]), helper.make_node("Relu", ["h"], ["a"]),
             helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("MatMul", ["f", "w"], ["z"]), helper.make_node("LogSoftmax", ["z"], ["scores"])]
    hidden = pool(np.maximum(conv(x, k, b), 0), (2, 2), np.max, (2, 2)).reshape(3, -1)
    network(c, "cnn", nodes, {"image": (TensorProto.FLOAT, ["batch", 1, 8, 8], fp32(x))}, {"scores": fp32(np.log(softmax(hidden @ w, 1)))},
            {"k": fp32(k), "b": fp32(b), "w": fp32(w)})


def encoder(c, name, tokens):
    """Embedding, self-attention, residual, layer normalization: the shape of a transformer's block."""
    table, wq, wk, wv, ones = normal(170, 20, 8), normal(171, 8, 8), normal(172, 8, 8), normal(173, 8, 8), np.ones(8, np.float32)
    nodes = [helper.make_node("Gather", ["table", "tokens"], ["e"]),
             *(helper.make_node("MatMul", ["e", f"w{part}"], [part]) for part in "qkv"),
             helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), helper.make_node("MatMul", ["q", "kt"], ["raw"]),
             helper.make_node("Div", ["raw", "root"], ["scaled"]), helper.make_node("Softmax", ["scaled"], ["attention"]),
             helper.make_node("MatMul", ["attention", "v"], ["mixed"]), helper.make_node("Add", ["e", "mixed"], ["residual"]),
             helper.make_node("LayerNormalization", ["residual", "ones"], ["hidden"])]
    e = table[tokens].astype(np.float64)
    attention = softmax(e @ wq @ (e @ wk).transpose(0, 2, 1) / np.sqrt(8), -1)
    hidden = standardize(e + attention @ (e @ wv), (2,), 1e-5)
    weights = {"table": fp32(table), "wq": fp32(wq), "wk": fp32(wk), "wv": fp32(wv), "ones": fp32(ones), "root": fp32(np.sqrt(8))}
    network(c, name, nodes, {"tokens": (TensorProto.INT64, ["batch", "length"], int64(tokens))},
            {"hidden": fp32(hidden), "attention": fp32(attention)}, weights)
