"""Our own cases, one module a family. Each module has add_cases(collection)."""

import importlib

MODULES = (
    "types", "casts", "ranks", "empty", "signatures", "special_values", "unary", "binary", "shapes", "indexing", "reductions",
    "linear_algebra", "convolution", "normalization", "recurrent", "quantization", "control_flow", "sequences", "strings",
    "trees_and_vectors", "classifiers", "signal", "formats", "networks",
)


def add_all(collection):
    for name in MODULES:
        collection.family = name
        importlib.import_module(f"families.{name}").add_cases(collection)
