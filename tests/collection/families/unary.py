"""Functions of one element."""

import math

import numpy as np

from kit import Value, boolean, fp16, fp32, fp64, int32, normal, uniform


def erf(x):
    return np.vectorize(math.erf)(x.astype(np.float64)) if x.size else x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ANY = normal(1, 3, 4) * 2
SMALL = uniform(2, -0.99, 0.99, 3, 4)
POSITIVE = uniform(3, 0.01, 9, 3, 4)
ABOVE_ONE = uniform(4, 1.01, 9, 3, 4)
HALVES = np.float32([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, -7.0])

# operator: (inputs, oracle in double precision, attributes)
FUNCTIONS = {
    "Abs": (ANY, np.abs, {}),
    "Acos": (SMALL, np.arccos, {}),
    "Acosh": (ABOVE_ONE, np.arccosh, {}),
    "Asin": (SMALL, np.arcsin, {}),
    "Asinh": (ANY, np.arcsinh, {}),
    "Atan": (ANY, np.arctan, {}),
    "Atanh": (SMALL, np.arctanh, {}),
    "Ceil": (HALVES, np.ceil, {}),
    "Celu": (ANY, lambda x: np.maximum(x, 0) + np.minimum(0, 2 * np.expm1(x / 2)), {"alpha": 2.0}),
    "Cos": (ANY, np.cos, {}),
    "Cosh": (ANY, np.cosh, {}),
    "Elu": (ANY, lambda x: np.where(x > 0, x, 1.5 * np.expm1(x)), {"alpha": 1.5}),
    "Erf": (ANY, erf, {}),
    "Exp": (ANY, np.exp, {}),
    "Floor": (HALVES, np.floor, {}),
    "HardSigmoid": (ANY, lambda x: np.clip(0.5 * x + 0.25, 0, 1), {"alpha": 0.5, "beta": 0.25}),
    "HardSwish": (ANY, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), {}),
    "LeakyRelu": (ANY, lambda x: np.where(x > 0, x, 0.1 * x), {"alpha": 0.1}),
    "Log": (POSITIVE, np.log, {}),
    "Neg": (ANY, np.negative, {}),
    "Reciprocal": (POSITIVE, lambda x: 1 / x, {}),
    "Relu": (ANY, lambda x: np.maximum(x, 0), {}),
    "Round": (HALVES, np.rint, {}),
    "Selu": (ANY, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), {}),
    "Shrink": (ANY, lambda x: np.where(x < -0.5, x + 0.25, np.where(x > 0.5, x - 0.25, 0)), {"lambd": 0.5, "bias": 0.25}),
    "Sigmoid": (ANY, sigmoid, {}),
    "Sign": (np.float32([-2, -0.0, 0, 3]), np.sign, {}),
    "Sin": (ANY, np.sin, {}),
    "Sinh": (ANY, np.sinh, {}),
    "Softplus": (ANY, lambda x: np.log1p(np.exp(x)), {}),
    "Softsign": (ANY, lambda x: x / (1 + np.abs(x)), {}),
    "Sqrt": (POSITIVE, np.sqrt, {}),
    "Tan": (SMALL, np.tan, {}),
    "Tanh": (ANY, np.tanh, {}),
    "ThresholdedRelu": (ANY, lambda x: np.where(x > 0.7, x, 0), {"alpha": 0.7}),
}


def add_cases(c):
    for operator, (x, oracle, attributes) in FUNCTIONS.items():
        c.op(operator.lower(), operator, [fp32(x)], [fp32(oracle(x.astype(np.float64)))], tolerance=1e-5, **attributes)

    c.op("gelu", "Gelu", [fp32(ANY)], [fp32(0.5 * ANY * (1 + erf(ANY / math.sqrt(2))))], opset=20, tolerance=1e-5)
    c.op("mish", "Mish", [fp32(ANY)], [fp32(ANY * np.tanh(np.log1p(np.exp(ANY.astype(np.float64)))))], opset=18, tolerance=1e-5)
    for operator, oracle in (("Relu", lambda x: np.maximum(x, 0)), ("Sigmoid", sigmoid), ("Abs", np.abs), ("Exp", np.exp)):
        c.op(f"{operator.lower()}-fp16", operator, [fp16(ANY)], [fp16(oracle(np.float16(ANY).astype(np.float64)))])
        c.op(f"{operator.lower()}-fp64", operator, [fp64(ANY)], [fp64(oracle(ANY.astype(np.float64)))])
    for datatype in ("INT8", "INT32", "INT64"):
        c.op(f"abs-{datatype.lower()}", "Abs", [Value(datatype, [-5, 0, 7])], [Value(datatype, [5, 0, 7])])
        c.op(f"neg-{datatype.lower()}", "Neg", [Value(datatype, [-5, 0, 7])], [Value(datatype, [5, 0, -7])])
    c.op("sign-int32", "Sign", [int32([-9, 0, 9])], [int32([-1, 0, 1])])
    c.op("not", "Not", [boolean([[True, False]])], [boolean([[False, True]])])
    c.op("clip", "Clip", [fp32(ANY), fp32(-1), fp32(0.5)], [fp32(np.clip(ANY, -1, 0.5))])
    c.op("clip-only-highest", "Clip", [int32([1, 5, 9]), None, int32(5)], [int32([1, 5, 5])])
    c.op("prelu", "PRelu", [fp32(ANY), fp32([0.1, 0.2, 0.3, 0.4])], [fp32(np.where(ANY > 0, ANY, ANY * np.float32([0.1, 0.2, 0.3, 0.4])))])
    c.op("dropout-at-inference", "Dropout", [fp32(ANY)], [fp32(ANY), boolean(np.ones((3, 4)))])
    c.op("bitwise-not", "BitwiseNot", [Value("UINT8", [0, 1, 255])], [Value("UINT8", [255, 254, 0])], opset=18)
