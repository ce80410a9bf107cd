"""Windows, Fourier transforms, and the random operators as far as their answer is certain."""

import numpy as np
from onnx import helper

from kit import Const, fp32, int32, int64, make_model, normal, tensor_info

X = normal(151, 1, 8, 1)


def add_cases(c):
    n = np.arange(8)
    for name, operator, window in (
            ("hann", "HannWindow", 0.5 - 0.5 * np.cos(2 * np.pi * n / 8)),
            ("hamming", "HammingWindow", 25 / 46 - 21 / 46 * np.cos(2 * np.pi * n / 8)),
            ("blackman", "BlackmanWindow", 0.42 - 0.5 * np.cos(2 * np.pi * n / 8) + 0.08 * np.cos(4 * np.pi * n / 8))):
        c.op(f"{name}-window", operator, [int64(8)], [fp32(window)], tolerance=1e-5)

    spectrum = np.fft.fft(X[0, :, 0].astype(np.float64))
    c.op("dft", "DFT", [fp32(X)], [fp32(pairs(spectrum)[None])], axis=1, tolerance=1e-5)
    c.op("dft-onesided", "DFT", [fp32(X)], [fp32(pairs(spectrum[:5])[None])], axis=1, onesided=1, tolerance=1e-5)
    c.op("dft-inverse", "DFT", [fp32(pairs(spectrum)[None])], [fp32(pairs(X[0, :, 0].astype(np.complex128))[None])], axis=1, inverse=1, tolerance=1e-5)
    frames = np.stack([np.fft.rfft(X[0, start:start + 4, 0]) for start in (0, 2, 4)])
    c.op("stft", "STFT", [fp32(X), Const(int64(2)), None, Const(int64(4))], [fp32(pairs(frames)[None])], tolerance=1e-5)

    node = helper.make_node("RandomUniform", [], ["r"], shape=[2, 3], low=5.0, high=5.0)
    c.add("random-between-equal-bounds", make_model([node], [], [tensor_info("r", fp32(np.full((2, 3), 5)))]), {}, {"r": fp32(np.full((2, 3), 5))})
    c.op("multinomial-certain", "Multinomial", [fp32([[-1000, 0, -1000]])], [int32([[1, 1, 1]])], sample_size=3)


def pairs(numbers):
    """Complex numbers as ONNX has them: real and imaginary part in a last axis."""
    return np.stack([numbers.real, numbers.imag], -1)
