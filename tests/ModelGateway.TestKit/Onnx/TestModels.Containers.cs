using static ModelGateway.TestKit.Onnx.OnnxDimension;

namespace ModelGateway.TestKit.Onnx;

/// <summary>Sequences, maps and optionals.</summary>
public static partial class TestModels
{
    /// <summary>
    /// The end of an exported classifier: <c>x</c> FP32 [batch, labels], taken as the scores → <c>label</c> BYTES [batch], the best one,
    /// and <c>scores</c>, one map from label to score a row.
    /// </summary>
    public static byte[] ZipMap(params string[] labels) =>
        ZipMap(labels.Length, OnnxElementType.String, OnnxAttr.Strings("classlabels_strings", labels), OnnxAttr.Strings("values_strings", labels));

    /// <summary>As above with INT64 labels.</summary>
    public static byte[] ZipMap(params long[] labels) =>
        ZipMap(labels.Length, OnnxElementType.Int64, OnnxAttr.Ints("classlabels_int64s", labels), OnnxAttr.Ints("values_int64s", labels));

    /// <summary><c>x</c> FP32 [rows, ?] → <c>parts</c>, a sequence of its rows, each FP32 [1, ?].</summary>
    public static byte[] SplitToSequence() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "rows", Unknown)
            .Output("parts", OnnxType.Sequence(OnnxType.Tensor(OnnxElementType.Float, Unknown, Unknown)))
            .Initializer("one", OnnxTensor.From([], 1L))
            .Node("SplitToSequence", ["x", "one"], ["parts"], OnnxAttr.Int("axis", 0))
            .Build();

    /// <summary>Loads, but cannot be served: <c>parts</c>, a sequence of FP32 tensors, is an input; → <c>y</c>, the parts joined.</summary>
    public static byte[] SequenceInput() =>
        new OnnxGraphBuilder()
            .Input("parts", OnnxType.Sequence(OnnxType.Tensor(OnnxElementType.Float, Unknown)))
            .Output("y", OnnxElementType.Float, Unknown)
            .Node("ConcatFromSequence", ["parts"], ["y"], OnnxAttr.Int("axis", 0))
            .Build();

    /// <summary>Loads, but cannot be served: <c>features</c>, a map from name to FP32, is an input; → <c>y</c> FP32 [1, 2].</summary>
    public static byte[] MapInput() =>
        new OnnxGraphBuilder()
            .Input("features", OnnxType.Map(OnnxElementType.String, OnnxElementType.Float))
            .Output("y", OnnxElementType.Float, 1, 2)
            .Node("ai.onnx.ml.DictVectorizer", ["features"], ["y"], OnnxAttr.Strings("string_vocabulary", "width", "height"))
            .Build();

    /// <summary>Loads, but cannot be served: <c>x</c> is an optional FP32 [n]; → <c>present</c> BOOL [].</summary>
    public static byte[] OptionalTypeInput() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxType.Optional(OnnxType.Tensor(OnnxElementType.Float, "n")))
            .Output("present", OnnxElementType.Bool)
            .Node("OptionalHasElement", ["x"], ["present"])
            .Build();

    /// <summary>Loads, but cannot be served: <c>x</c> FP32 [n] → <c>y</c>, an optional FP32 [n].</summary>
    public static byte[] OptionalTypeOutput() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "n")
            .Output("y", OnnxType.Optional(OnnxType.Tensor(OnnxElementType.Float, "n")))
            .Node("Optional", ["x"], ["y"])
            .Build();

    private static byte[] ZipMap(int labels, OnnxElementType labelType, OnnxAttr mapLabels, OnnxAttr encoderLabels) =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", labels)
            .Output("label", labelType, "batch")
            .Output("scores", OnnxType.Sequence(OnnxType.Map(labelType, OnnxElementType.Float)))
            .Node("ArgMax", ["x"], ["best"], OnnxAttr.Int("axis", 1), OnnxAttr.Int("keepdims", 0))
            .Node(
                "ai.onnx.ml.LabelEncoder",
                ["best"],
                ["label"],
                OnnxAttr.Ints("keys_int64s", [.. Enumerable.Range(0, labels).Select(index => (long)index)]),
                encoderLabels)
            .Node("ai.onnx.ml.ZipMap", ["x"], ["scores"], mapLabels)
            .Build();
}
