using static ModelGateway.TestKit.Onnx.OnnxDimension;

namespace ModelGateway.TestKit.Onnx;

/// <summary>Small models, ready made, each the bytes of an ONNX file. Here: plain tensors in, plain tensors out.</summary>
public static partial class TestModels
{
    /// <summary><c>x</c> → <c>y</c>, the same tensor; without dimensions a scalar.</summary>
    public static byte[] Identity(OnnxElementType elements, params OnnxDimension[] dimensions) =>
        Identity(OnnxType.Tensor(elements, dimensions));

    /// <summary><c>x</c> → <c>y</c>, the same value, whatever its type.</summary>
    public static byte[] Identity(OnnxType type) =>
        new OnnxGraphBuilder().Input("x", type).Output("y", type).Node("Identity", ["x"], ["y"]).Build();

    /// <summary><c>x</c> FP32 [batch, ?] → <c>y</c> = x + <paramref name="value"/>: the answer tells which version gave it.</summary>
    public static byte[] AddConstant(float value) =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", Unknown)
            .Output("y", OnnxElementType.Float, "batch", Unknown)
            .Initializer("value", OnnxTensor.From([], value))
            .Node("Add", ["x", "value"], ["y"])
            .Build();

    /// <summary><c>a</c>, <c>b</c> FP32 [batch, ?] → <c>sum</c>.</summary>
    public static byte[] TwoInputsSum() =>
        new OnnxGraphBuilder()
            .Input("a", OnnxElementType.Float, "batch", Unknown)
            .Input("b", OnnxElementType.Float, "batch", Unknown)
            .Output("sum", OnnxElementType.Float, "batch", Unknown)
            .Node("Add", ["a", "b"], ["sum"])
            .Build();

    /// <summary>
    /// Four inputs of four types, each handed through: <c>ids</c> INT64 [batch], <c>text</c> BYTES [batch], <c>flags</c> BOOL [batch],
    /// <c>pixels</c> UINT8 [batch, 2] → <c>ids_out</c>, <c>text_out</c>, <c>flags_out</c>, <c>pixels_out</c>.
    /// </summary>
    public static byte[] MixedTypes()
    {
        var graph = new OnnxGraphBuilder();
        HandThrough(graph, "ids", OnnxType.Tensor(OnnxElementType.Int64, "batch"));
        HandThrough(graph, "text", OnnxType.Tensor(OnnxElementType.String, "batch"));
        HandThrough(graph, "flags", OnnxType.Tensor(OnnxElementType.Bool, "batch"));
        HandThrough(graph, "pixels", OnnxType.Tensor(OnnxElementType.UInt8, "batch", 2));
        return graph.Build();
    }

    /// <summary>Nothing → <c>y</c> FP32 [2] = 1.5, -2.</summary>
    public static byte[] NoInputs() =>
        new OnnxGraphBuilder()
            .Output("y", OnnxElementType.Float, 2)
            .Node("Constant", [], ["y"], OnnxAttr.Tensor("value", OnnxTensor.From([2], 1.5f, -2f)))
            .Build();

    /// <summary><c>x</c> FP32 [] → <c>y</c> FP32 [] = 2x.</summary>
    public static byte[] Scalar() => Double(OnnxType.Tensor(OnnxElementType.Float));

    /// <summary><c>x</c> FP32 of any shape → <c>y</c> = 2x, of the same shape.</summary>
    public static byte[] UnknownRank() => Double(OnnxType.TensorOfAnyRank(OnnxElementType.Float));

    /// <summary><c>x</c> FP32 [batch, 2] and, where sent, <c>bias</c> FP32 [2] (else 10, 20) → <c>y</c> = x + bias.</summary>
    public static byte[] OptionalInput() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 2)
            .Output("y", OnnxElementType.Float, "batch", 2)
            .OverridableInput("bias", OnnxTensor.From([2], 10f, 20f))
            .Node("Add", ["x", "bias"], ["y"])
            .Build();

    /// <summary><c>x</c> FP32 [batch, 3] → <c>y</c> FP32 [0, 3] whatever the batch.</summary>
    public static byte[] ZeroSize() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 3)
            .Output("y", OnnxElementType.Float, Unknown, 3)
            .Initializer("zero", OnnxTensor.From([1], 0L))
            .Node("Slice", ["x", "zero", "zero", "zero"], ["y"])
            .Build();

    /// <summary><c>x</c> BYTES [n] → <c>y</c> the same strings.</summary>
    public static byte[] StringIdentity() => Identity(OnnxElementType.String, "n");

    /// <summary><c>x</c> BYTES [n] → <c>y</c> in upper case. Only ASCII is safe: the rest depends on the locales of the machine.</summary>
    public static byte[] StringUpper() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.String, "n")
            .Output("y", OnnxElementType.String, Unknown)
            .Node("StringNormalizer", ["x"], ["y"], OnnxAttr.String("case_change_action", "UPPER"), OnnxAttr.String("locale", "C"))
            .Build();

    /// <summary>Nothing → <c>y</c> FP32 [4], different at every run: such a model's answers must not be cached.</summary>
    public static byte[] Random() =>
        new OnnxGraphBuilder()
            .Output("y", OnnxElementType.Float, 4)
            .Node("RandomUniform", [], ["y"], OnnxAttr.Ints("shape", 4))
            .Build();

    private static byte[] Double(OnnxType type) =>
        new OnnxGraphBuilder()
            .Input("x", type)
            .Output("y", type)
            .Initializer("two", OnnxTensor.From([], 2f))
            .Node("Mul", ["x", "two"], ["y"])
            .Build();

    private static void HandThrough(OnnxGraphBuilder graph, string name, OnnxType type) =>
        graph.Input(name, type).Output($"{name}_out", type).Node("Identity", [name], [$"{name}_out"]);
}
