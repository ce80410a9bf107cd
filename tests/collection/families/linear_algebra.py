"""Matrix products and their kin."""

import numpy as np

from kit import Const, fp16, fp32, fp64, int8, int32, int64, normal, uint8

A, B, C = normal(51, 3, 4), normal(52, 4, 2), normal(53, 2)
BATCH = normal(54, 2, 1, 3, 4)


def add_cases(c):
    c.op("matmul", "MatMul", [fp32(A), fp32(B)], [fp32(A @ B)])
    c.op("matmul-weights", "MatMul", [fp32(A), Const(fp32(B))], [fp32(A @ B)])
    c.op("matmul-batched", "MatMul", [fp32(BATCH), fp32(normal(55, 5, 4, 2))], [fp32(BATCH @ normal(55, 5, 4, 2))])
    c.op("matmul-vectors", "MatMul", [fp32(A[0]), fp32(A[1])], [fp32(A[0] @ A[1])])
    c.op("matmul-matrix-vector", "MatMul", [fp32(A), fp32(A[0])], [fp32(A @ A[0])])
    c.op("matmul-fp16", "MatMul", [fp16(A), fp16(B)], [fp16(np.float16(A).astype(np.float64) @ np.float16(B).astype(np.float64))], tolerance=5e-3)
    c.op("matmul-fp64", "MatMul", [fp64(A), fp64(B)], [fp64(A.astype(np.float64) @ B.astype(np.float64))])
    c.op("matmul-int32", "MatMul", [int32([[1, 2], [3, 4]]), int32([[5], [6]])], [int32([[17], [39]])])
    c.op("matmul-int64", "MatMul", [int64([[2**31, 1]]), int64([[2**31], [1]])], [int64([[2**62 + 1]])])
    c.op("gemm", "Gemm", [fp32(A), Const(fp32(B)), Const(fp32(C))], [fp32(A @ B + C)])
    c.op("gemm-transposed-scaled", "Gemm", [fp32(A.T), fp32(B.T), fp32(C)], [fp32(0.5 * (A @ B) + 2 * C)], transA=1, transB=1, alpha=0.5, beta=2.0)
    c.op("gemm-no-bias", "Gemm", [fp32(A), fp32(B)], [fp32(A @ B)])
    c.op("einsum-batch-product", "Einsum", [fp32(BATCH[:, 0]), fp32(B)], [fp32(np.einsum("bij,jk->bik", BATCH[:, 0], B))], equation="bij,jk->bik")
    c.op("einsum-trace", "Einsum", [fp32(A[:, :3])], [fp32(np.trace(A[:, :3]))], equation="ii->")
    c.op("einsum-outer", "Einsum", [fp32(C), fp32(C)], [fp32(np.outer(C, C))], equation="i,j->ij")
    c.op("det", "Det", [fp32([[[2, 0], [1, 3]], [[0, 1], [1, 0]]])], [fp32([6, -1])])
    left, right = np.uint8([[250, 1], [3, 4]]), np.int8([[-2, 1], [0, 127]])
    product = (left.astype(np.int32) - 5) @ right.astype(np.int32)
    c.op("matmul-integer", "MatMulInteger", [uint8(left), int8(right), Const(uint8(5))], [int32(product)])
    c.op("einsum-dot-fp64", "Einsum", [fp64([3, 4]), fp64([3, 4])], [fp64(25)], equation="i,i->")
