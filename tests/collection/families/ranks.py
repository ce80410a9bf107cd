"""Ranks 0 to 6, each with every way to declare its dimensions."""

import numpy as np

from kit import DECLARATIONS, Value, fp32, normal

SHAPE = (2, 3, 1, 2, 2, 3)


def add_cases(c):
    for rank in range(len(SHAPE) + 1):
        shape = SHAPE[:rank]
        numbers = normal(rank, *shape)
        for declare in DECLARATIONS:
            c.op(f"rank{rank}-{declare}", "Neg", [fp32(numbers)], [fp32(-numbers)], declare=declare, tolerance=0)
        c.op(f"rank{rank}-strings", "Identity", [strings(shape)], [strings(shape)])
        c.op(f"rank{rank}-plus-scalar", "Add", [fp32(numbers), fp32(10)], [fp32(numbers + np.float32(10))])


def strings(shape):
    count = int(np.prod(shape))
    return Value("BYTES", np.array([f"s{index}" for index in range(count)], np.object_).reshape(shape))
