"""Trains the tabular samples on data sets that come with scikit-learn, and writes them as ONNX.

    iris           scaler, logistic regression, ZipMap     ->  label (strings), probabilities, prob_map
    breast-cancer  forest of 50 trees                      ->  label (integers), probabilities
    diabetes       80 boosted trees                        ->  Y

The graphs are built node by node with the operators of the ai.onnx.ml domain, the same that converters of
scikit-learn models emit, so no converter is needed. Every run writes the same bytes.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

ML = "ai.onnx.ml"
LEAF = -1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models"), help="model repository to write to (default: %(default)s)")
    out = parser.parse_args().out

    save(iris(), out / "iris")
    save(breast_cancer(), out / "breast-cancer")
    save(diabetes(), out / "diabetes")


def iris():
    """Three species from four lengths. Its outputs show every form a classifier's answer can take."""
    data = load_iris()
    species = [str(name) for name in data.target_names]
    scaler = StandardScaler().fit(data.data)
    regression = LogisticRegression(max_iter=500).fit(scaler.transform(data.data), data.target)

    nodes = [
        helper.make_node("Scaler", ["X"], ["xs"], domain=ML, offset=scaler.mean_.tolist(), scale=(1 / scaler.scale_).tolist()),
        helper.make_node(
            "LinearClassifier", ["xs"], ["label", "raw"], domain=ML,
            coefficients=regression.coef_.ravel().tolist(), intercepts=regression.intercept_.tolist(),
            classlabels_strings=species, multi_class=1, post_transform="SOFTMAX"),
        helper.make_node("Identity", ["raw"], ["probabilities"]),
        helper.make_node("ZipMap", ["raw"], ["prob_map"], domain=ML, classlabels_strings=species),
    ]
    outputs = [tensor("label", TensorProto.STRING, "n"), tensor("probabilities", TensorProto.FLOAT, "n", 3), maps_by_string("prob_map")]
    return model("iris_lr", nodes, [tensor("X", TensorProto.FLOAT, "n", 4)], outputs, {"labels": ",".join(species)})


def breast_cancer():
    """Malignant or benign, from thirty measures of cell nuclei."""
    data = load_breast_cancer()
    forest = RandomForestClassifier(50, max_depth=6, random_state=0).fit(data.data.astype(np.float32), data.target)

    def weights(tree, node):
        """The share of the benign in the leaf, divided by the trees: the sum over the forest is the probability.

        One weight a leaf, for target 0, is how two classes are written: the runtime adds the other class as 1 - p and
        takes the label at 0.5. With a weight for each class ONNX Runtime answers the second label wherever its
        probability is above 0.
        """
        counts = tree.value[node][0]
        return [float(counts[1] / counts.sum()) / len(forest.estimators_)]

    splits, leaves = ensemble([estimator.tree_ for estimator in forest.estimators_], weights)
    node = helper.make_node(
        "TreeEnsembleClassifier", ["X"], ["label", "probabilities"], domain=ML,
        class_treeids=[leaf.tree for leaf in leaves], class_nodeids=[leaf.node for leaf in leaves],
        class_ids=[leaf.target for leaf in leaves], class_weights=[leaf.weight for leaf in leaves],
        classlabels_int64s=[0, 1], post_transform="NONE", **splits)
    outputs = [tensor("label", TensorProto.INT64, "n"), tensor("probabilities", TensorProto.FLOAT, "n", 2)]
    classes = {"classes": ",".join(data.target_names)}
    return model("cancer_rf", [node], [tensor("X", TensorProto.FLOAT, "n", 30)], outputs, classes)


def diabetes():
    """Progression of the disease one year on, from ten measures of the patient."""
    data = load_diabetes()
    boosting = GradientBoostingRegressor(n_estimators=80, max_depth=3, random_state=0)
    boosting.fit(data.data.astype(np.float32), data.target)

    def weights(tree, node):
        return [float(tree.value[node][0][0]) * boosting.learning_rate]

    splits, leaves = ensemble([stage[0].tree_ for stage in boosting.estimators_], weights)
    node = helper.make_node(
        "TreeEnsembleRegressor", ["X"], ["Y"], domain=ML,
        target_treeids=[leaf.tree for leaf in leaves], target_nodeids=[leaf.node for leaf in leaves],
        target_ids=[leaf.target for leaf in leaves], target_weights=[leaf.weight for leaf in leaves],
        n_targets=1, base_values=[float(boosting.init_.constant_[0][0])], post_transform="NONE", **splits)
    return model("diabetes_gbr", [node], [tensor("X", TensorProto.FLOAT, "n", 10)], [tensor("Y", TensorProto.FLOAT, "n", 1)], {})


class Leaf:
    """What one leaf of one tree adds to one target (a class, or the value that is predicted)."""

    def __init__(self, tree, node, target, weight):
        self.tree, self.node, self.target, self.weight = tree, node, target, weight


def ensemble(trees, weights):
    """The attributes of a TreeEnsemble* node that describe the splits, and the leaves."""
    splits = {f"nodes_{name}": [] for name in (
        "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    leaves = []
    for number, tree in enumerate(trees):
        for node in range(tree.node_count):
            is_leaf = tree.children_left[node] == LEAF
            splits["nodes_treeids"].append(number)
            splits["nodes_nodeids"].append(node)
            splits["nodes_featureids"].append(max(0, int(tree.feature[node])))
            splits["nodes_modes"].append("LEAF" if is_leaf else "BRANCH_LEQ")
            splits["nodes_values"].append(0.0 if is_leaf else float32_not_above(tree.threshold[node]))
            splits["nodes_truenodeids"].append(0 if is_leaf else int(tree.children_left[node]))
            splits["nodes_falsenodeids"].append(0 if is_leaf else int(tree.children_right[node]))
            splits["nodes_missing_value_tracks_true"].append(0)
            if is_leaf:
                leaves += [Leaf(number, node, target, weight) for target, weight in enumerate(weights(tree, node))]
    return splits, leaves


def float32_not_above(threshold):
    """The largest float32 that is not above a double threshold.

    scikit-learn compares a float32 feature with a double; ONNX compares it with a float32. Rounded down, x <= threshold
    has the same answer for every float32 x; rounded to nearest, the x between the two would change branch.
    """
    rounded = np.float32(threshold)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > threshold else rounded)


def tensor(name, element_type, *shape):
    return helper.make_tensor_value_info(name, element_type, list(shape))


def maps_by_string(name):
    """The type of ZipMap's output, a sequence of maps from string to float; the helpers make tensors only."""
    info = onnx.ValueInfoProto(name=name)
    map_type = info.type.sequence_type.elem_type.map_type
    map_type.key_type = TensorProto.STRING
    map_type.value_type.tensor_type.elem_type = TensorProto.FLOAT
    return info


def model(name, nodes, inputs, outputs, metadata):
    graph = helper.make_graph(nodes, name, inputs, outputs)
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid(ML, 3)]
    result = helper.make_model(graph, opset_imports=opsets, producer_name="modelgateway-samples")
    result.ir_version = 8
    result.model_version = 1
    helper.set_model_props(result, metadata)
    onnx.checker.check_model(result)
    return result


def save(built, folder):
    path = folder / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(built, str(path))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
