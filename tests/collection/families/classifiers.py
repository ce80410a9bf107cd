"""What exporters of scikit-learn and ML.NET end a classifier with: labels, and a map from label to score."""

import numpy as np
from onnx import TensorProto, helper

from kit import MapRows, fp32, int64, make_model, normal, output_info, tensor_info, text
from families.normalization import softmax

ML = "ai.onnx.ml"
X, W, B = normal(131, 4, 3), normal(132, 3, 3), normal(133, 3)
WORDS = ["cat", "dög \"x\"", "line\nbreak"]
NUMBERS = [-1, 0, 2**53 + 1]


def add_cases(c):
    scores = np.float32([[0.1, 0.2, 0.7], [np.nan, np.inf, 0]])
    zip_map(c, "zipmap-strings", fp32(scores), MapRows("BYTES", WORDS, fp32(scores)), classlabels_strings=WORDS)
    zip_map(c, "zipmap-int64", fp32(scores), MapRows("INT64", NUMBERS, fp32(scores)), classlabels_int64s=NUMBERS)
    zip_map(c, "zipmap-one-row", fp32([[0.5, 0.5]]), MapRows("BYTES", ["a", ""], fp32([[0.5, 0.5]])), classlabels_strings=["a", ""])
    many = [f"label {index}" for index in range(300)]
    zip_map(c, "zipmap-many-labels", fp32(normal(134, 2, 300)), MapRows("BYTES", many, fp32(normal(134, 2, 300))), classlabels_strings=many)

    logits = X.astype(np.float64) @ W.T + B
    best = logits.argmax(1)
    probabilities = fp32(softmax(logits, 1))
    classifier(c, "linear-classifier-strings", text([WORDS[index] for index in best]), probabilities, classlabels_strings=WORDS)
    classifier(c, "linear-classifier-int64", int64([NUMBERS[index] for index in best]), probabilities, classlabels_ints=NUMBERS)
    exported(c, text([WORDS[index] for index in best]), MapRows("BYTES", WORDS, probabilities))


def zip_map(c, name, scores, expected, **labels):
    node = helper.make_node("ZipMap", ["scores"], ["maps"], domain=ML, **labels)
    declared = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", scores.shape[1]])
    c.add(name, make_model([node], [declared], [output_info("maps", expected)]), {"scores": scores}, {"maps": expected})


def linear_node(**labels):
    return helper.make_node("LinearClassifier", ["x"], ["label", "probabilities"], domain=ML, coefficients=W.ravel().tolist(),
                            intercepts=B.tolist(), post_transform="SOFTMAX", **labels)


def classifier(c, name, label, probabilities, **labels):
    outputs = {"label": label, "probabilities": probabilities}
    results = [tensor_info(key, value, "unknown") for key, value in outputs.items()]
    c.add(name, make_model([linear_node(**labels)], [tensor_info("x", fp32(X), "symbolic")], results), {"x": fp32(X)}, outputs, 1e-5)


def exported(c, label, maps):
    """The whole tail as an exporter writes it."""
    nodes = [linear_node(classlabels_strings=WORDS),
             helper.make_node("ZipMap", ["probabilities"], ["output_probability"], domain=ML, classlabels_strings=WORDS),
             helper.make_node("Identity", ["label"], ["output_label"])]
    outputs = {"output_label": label, "output_probability": maps}
    results = [output_info(key, value, "unknown") for key, value in outputs.items()]
    c.add("classifier-with-zipmap", make_model(nodes, [tensor_info("x", fp32(X), "unknown")], results), {"x": fp32(X)}, outputs, 1e-5)
