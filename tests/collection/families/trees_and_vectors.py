"""The operators of ai.onnx.ml that turn features into numbers."""

import numpy as np

from kit import fp32, fp64, int64, normal

ML = "ai.onnx.ml."
X = normal(141, 4, 3)

# One tree: x[0] <= 0 ? leaf 1 : (x[2] <= 0.5 ? leaf 3 : leaf 4), in the arrays of TreeEnsemble*.
TREE = {
    "nodes_treeids": [0] * 5, "nodes_nodeids": [0, 1, 2, 3, 4], "nodes_featureids": [0, 0, 2, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.0, 0.0, 0.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 3, 0, 0], "nodes_falsenodeids": [2, 0, 4, 0, 0],
}


def leaf(row):
    return 0 if row[0] <= 0 else 1 if row[2] <= 0.5 else 2


def add_cases(c):
    offset, scale = np.float32([0.5, 0, -1]), np.float32([2, 1, 0.1])
    c.op("scaler", ML + "Scaler", [fp32(X)], [fp32((X - offset) * scale)], offset=offset.tolist(), scale=scale.tolist())
    c.op("scaler-int64", ML + "Scaler", [int64([[1, 2]])], [fp32([[0, 5]])], offset=[1.0, 1.0], scale=[5.0, 5.0])
    c.op("normalizer-l2", ML + "Normalizer", [fp32(X)], [fp32(X / np.sqrt((X**2).sum(1, keepdims=True)))], norm="L2", tolerance=1e-5)
    c.op("normalizer-l1", ML + "Normalizer", [fp32(X)], [fp32(X / np.abs(X).sum(1, keepdims=True))], norm="L1", tolerance=1e-5)
    c.op("binarizer", ML + "Binarizer", [fp32(X)], [fp32(X > 0.25)], threshold=0.25)
    c.op("imputer", ML + "Imputer", [fp32([[1, np.nan], [np.nan, 4]])], [fp32([[1, 20], [10, 4]])], imputed_value_floats=[10.0, 20.0],
         replaced_value_float=float("nan"))
    c.op("array-feature-extractor", ML + "ArrayFeatureExtractor", [fp32(X), int64([2, 0])], [fp32(X[:, [2, 0]])])
    c.op("feature-vectorizer", ML + "FeatureVectorizer", [fp32(X), fp32(X[:, :1])], [fp32(np.hstack([X, X[:, :1]]))], inputdimensions=[3, 1])
    c.op("one-hot-encoder", ML + "OneHotEncoder", [int64([3, 7, 5])], [fp32([[1, 0], [0, 0], [0, 1]])], cats_int64s=[3, 5])

    coefficients, intercepts = normal(142, 2, 3), normal(143, 2)
    c.op("linear-regressor", ML + "LinearRegressor", [fp32(X)], [fp32(X @ coefficients.T + intercepts)], coefficients=coefficients.ravel().tolist(),
         intercepts=intercepts.tolist(), targets=2, tolerance=1e-5)
    c.op("label-encoder-floats", ML + "LabelEncoder", [int64([1, 5])], [fp32([0.5, -0.0])], keys_int64s=[1, 2], values_floats=[0.5, 1.0])

    leaves = [leaf(row) for row in X]
    weights = np.float32([10, 20.5, -30])
    c.op("tree-regressor", ML + "TreeEnsembleRegressor", [fp32(X)], [fp32(weights[leaves][:, None])], **TREE, n_targets=1, target_treeids=[0] * 3,
         target_nodeids=[1, 3, 4], target_ids=[0] * 3, target_weights=weights.tolist())
    votes = np.float32([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 0.25, 0.75]])
    c.op("tree-classifier", ML + "TreeEnsembleClassifier", [fp32(X)], [int64([100, 200, 300] @ np.eye(3)[leaves].T), fp32(votes[leaves])], **TREE,
         classlabels_int64s=[100, 200, 300], class_treeids=[0] * 9, class_nodeids=[1] * 3 + [3] * 3 + [4] * 3, class_ids=[0, 1, 2] * 3,
         class_weights=votes.ravel().tolist())
    supports, dual = normal(144, 2, 3), np.float32([0.5, -1.5])
    kernel = np.exp(-0.5 * ((X[:, None].astype(np.float64) - supports) ** 2).sum(2))
    c.op("svm-regressor-rbf", ML + "SVMRegressor", [fp32(X)], [fp32((kernel @ dual + 0.25)[:, None])], kernel_type="RBF",
         kernel_params=[0.5, 0.0, 0.0], support_vectors=supports.ravel().tolist(), coefficients=dual.tolist(), rho=[0.25], n_supports=2, tolerance=1e-5)
    c.op("scaler-fp64", ML + "Scaler", [fp64([[1, 2]])], [fp32([[2, 4]])], offset=[0.0, 0.0], scale=[2.0, 2.0])
