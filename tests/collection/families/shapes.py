"""Operators that change the shape or the place of elements."""

import numpy as np

from kit import Const, fp32, int32, int64, normal, text

CUBE = normal(21, 2, 3, 4)
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 2, 2)
ROW = np.float32([[1, 2, 3]])


def add_cases(c):
    c.op("reshape-copies-and-infers", "Reshape", [fp32(CUBE), int64([0, -1])], [fp32(CUBE.reshape(2, 12))])
    c.op("reshape-to-scalar", "Reshape", [fp32([[7]]), int64([])], [fp32(7)])
    c.op("flatten", "Flatten", [fp32(CUBE)], [fp32(CUBE.reshape(6, 4))], axis=2)
    c.op("flatten-axis0", "Flatten", [fp32(CUBE)], [fp32(CUBE.reshape(1, 24))], axis=0)
    c.op("squeeze", "Squeeze", [fp32(CUBE[:, :1]), Const(int64([1]))], [fp32(CUBE[:, 0])])
    c.op("squeeze-all", "Squeeze", [fp32([[[5]]])], [fp32(5)])
    c.op("unsqueeze", "Unsqueeze", [fp32(ROW), Const(int64([0, -1]))], [fp32(ROW.reshape(1, 1, 3, 1))])
    c.op("transpose-reversed", "Transpose", [fp32(CUBE)], [fp32(CUBE.T)])
    c.op("transpose-rank3", "Transpose", [fp32(CUBE)], [fp32(CUBE.transpose(1, 2, 0))], perm=[1, 2, 0])
    c.op("concat-three", "Concat", [fp32(CUBE), fp32(CUBE[:, :1]), fp32(CUBE)], [fp32(np.concatenate([CUBE, CUBE[:, :1], CUBE], 1))], axis=-2)
    c.op("split-even", "Split", [fp32(CUBE)], [fp32(CUBE[..., :2]), fp32(CUBE[..., 2:])], axis=2)
    c.op("split-uneven", "Split", [int64(range(6)), Const(int64([1, 3, 2]))], [int64([0]), int64([1, 2, 3]), int64([4, 5])])
    c.op("split-remainder", "Split", [int64(range(5))], [int64([0, 1]), int64([2, 3]), int64([4])], num_outputs=3, opset=18)
    c.op("slice", "Slice", [fp32(CUBE), int64([0, 1]), int64([2, 3]), int64([1, 2])], [fp32(CUBE[:, :2, 1:3])])
    c.op("slice-backwards", "Slice", [fp32(CUBE), int64([-1]), int64([-(2**63)]), int64([2]), int64([-2])], [fp32(CUBE[:, :, ::-2])])
    c.op("slice-beyond-end", "Slice", [fp32(CUBE), int64([1]), int64([2**63 - 1]), int64([0])], [fp32(CUBE[1:])])
    c.op("expand", "Expand", [fp32(ROW), int64([2, 1, 3])], [fp32(np.broadcast_to(ROW, (2, 1, 3)))])
    c.op("tile", "Tile", [fp32(ROW), int64([2, 3])], [fp32(np.tile(ROW, (2, 3)))])
    c.op("pad-constant", "Pad", [fp32(ROW), int64([1, 0, 0, 2]), fp32(-1)], [fp32(np.pad(ROW, ((1, 0), (0, 2)), constant_values=-1))])
    c.op("pad-reflect", "Pad", [fp32(ROW), int64([0, 2, 0, 1])], [fp32(np.pad(ROW, ((0, 0), (2, 1)), "reflect"))], mode="reflect")
    c.op("pad-edge", "Pad", [int32([[1, 2]]), int64([0, 1, 1, 1])], [int32(np.pad([[1, 2]], ((0, 1), (1, 1)), "edge"))], mode="edge")
    c.op("pad-removes", "Pad", [fp32(ROW), int64([0, -1, 0, 0])], [fp32(ROW[:, 1:])])
    c.op("depth-to-space", "DepthToSpace", [fp32(IMAGE)], [fp32(depth_to_space(IMAGE, 2))], blocksize=2)
    c.op("space-to-depth", "SpaceToDepth", [fp32(depth_to_space(IMAGE, 2))], [fp32(IMAGE)], blocksize=2)
    c.op("shape", "Shape", [fp32(CUBE)], [int64([2, 3, 4])])
    c.op("shape-range", "Shape", [fp32(CUBE)], [int64([3])], start=1, end=-1)
    c.op("shape-of-scalar", "Shape", [text("s")], [int64([])])
    c.op("size", "Size", [fp32(CUBE)], [int64(24)])
    c.op("constant-of-shape", "ConstantOfShape", [int64([2, 3])], [int32([[7, 7, 7]] * 2)], value=int32([7]).to_tensor("value"))
    c.op("range-fp32", "Range", [fp32(1), fp32(2), fp32(0.25)], [fp32([1, 1.25, 1.5, 1.75])])
    c.op("range-backwards", "Range", [int64(3), int64(-3), int64(-2)], [int64([3, 1, -1])])
    c.op("eye-like", "EyeLike", [int32(np.zeros((3, 4)))], [int32(np.eye(3, 4, 1))], k=1)
    c.op("trilu-lower", "Trilu", [fp32(CUBE), int64(0)], [fp32(np.tril(CUBE))], upper=0)
    c.op("trilu-upper", "Trilu", [int64(range(9), (3, 3)), int64(1)], [int64(np.triu(np.arange(9).reshape(3, 3), 1))])
    c.op("reverse-sequence", "ReverseSequence", [fp32(np.arange(8).reshape(2, 4)), int64([3, 2])], [fp32([[2, 1, 0, 3], [5, 4, 6, 7]])],
         batch_axis=0, time_axis=1)
    c.op("resize-nearest", "Resize", [fp32(IMAGE), None, Const(fp32([1, 1, 2, 2]))], [fp32(IMAGE.repeat(2, 2).repeat(2, 3))],
         mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")
    c.op("resize-linear", "Resize", [fp32([[[[0, 10]]]]), None, None, Const(int64([1, 1, 1, 5]))], [fp32([[[[0, 2.5, 5, 7.5, 10]]]])],
         mode="linear", coordinate_transformation_mode="align_corners")
    c.op("center-crop-pad", "CenterCropPad", [fp32(np.arange(5)), int64([3])], [fp32([1, 2, 3])], axes=[0], opset=18)
    c.op("col-to-im", "Col2Im", [fp32(np.ones((1, 4, 4))), int64([3, 3]), int64([2, 2])], [fp32([[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]])], opset=18)


def depth_to_space(x, block):
    n, depth, height, width = x.shape
    blocks = x.reshape(n, block, block, depth // block**2, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(n, depth // block**2, height * block, width * block)
