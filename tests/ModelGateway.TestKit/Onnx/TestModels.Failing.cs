using static ModelGateway.TestKit.Onnx.OnnxDimension;

namespace ModelGateway.TestKit.Onnx;

/// <summary>Models that fail: when they are loaded, or only for some inputs when they run.</summary>
public static partial class TestModels
{
    /// <summary>Not an ONNX file.</summary>
    public static byte[] Broken() => [.. Enumerable.Range(0, 512).Select(index => (byte)((index * 37) + 255))];

    /// <summary>A proper file up to its middle, as a copy that was broken off leaves it.</summary>
    public static byte[] Truncated()
    {
        byte[] whole = Mlp();
        return whole[..(whole.Length / 2)];
    }

    /// <summary>A proper file that asks for an operator nobody has.</summary>
    public static byte[] UnknownOperator() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "n")
            .Output("y", OnnxElementType.Float, "n")
            .Node("NoSuchOperator", ["x"], ["y"])
            .Build();

    /// <summary>A proper model that cannot be served: <c>x</c> FP32 [n] → <c>y</c> in an eight-bit float, which has no name in the protocols.</summary>
    public static byte[] Float8Output() =>
        new OnnxGraphBuilder()
            .IrVersion(9)
            .Opset(19)
            .Input("x", OnnxElementType.Float, "n")
            .Output("y", OnnxElementType.Float8E4M3Fn, "n")
            .Node("Cast", ["x"], ["y"], OnnxAttr.Int("to", (long)OnnxElementType.Float8E4M3Fn))
            .Build();

    /// <summary>
    /// <c>data</c> FP32 [n], <c>index</c> INT64 [m] → <c>y</c> FP32 [m]. An index outside [-n, n) passes every check of shapes and types
    /// and fails when the graph runs.
    /// </summary>
    public static byte[] FailsAtRun() =>
        new OnnxGraphBuilder()
            .Input("data", OnnxElementType.Float, "n")
            .Input("index", OnnxElementType.Int64, "m")
            .Output("y", OnnxElementType.Float, "m")
            .Node("Gather", ["data", "index"], ["y"])
            .Build();

    /// <summary><c>data</c> FP32 [n], <c>shape</c> INT64 [rank] → <c>y</c> of that shape; fails when run if the product is not n.</summary>
    public static byte[] FailsAtReshape() =>
        new OnnxGraphBuilder()
            .Input("data", OnnxElementType.Float, "n")
            .Input("shape", OnnxElementType.Int64, "rank")
            .Output("y", OnnxType.TensorOfAnyRank(OnnxElementType.Float))
            .Node("Reshape", ["data", "shape"], ["y"])
            .Build();

    /// <summary>
    /// <c>x</c> FP32 [batch, ?] → <c>y</c>: adds 1 to x as often as <c>iterations</c> (INT64 [], may be left out) says. Each turn ends
    /// between two nodes, where ONNX Runtime looks whether it should stop.
    /// </summary>
    /// <param name="iterations">The turns where the request does not say; one takes about a microsecond on a small x.</param>
    public static byte[] Slow(long iterations) =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", Unknown)
            .Output("y", OnnxElementType.Float, "batch", Unknown)
            .OverridableInput("iterations", OnnxTensor.From([], iterations))
            .Initializer("always", OnnxTensor.From([], true))
            .Node("Loop", ["iterations", "always", "x"], ["y"], OnnxAttr.Graph("body", AddOne()))
            .Build();

    /// <summary><see cref="Slow"/>, of which <c>index</c> INT64 [m] takes rows; fails when all turns are done if one is out of range.</summary>
    public static byte[] FailsLate() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", Unknown)
            .Input("index", OnnxElementType.Int64, "m")
            .Output("y", OnnxElementType.Float, "m", Unknown)
            .OverridableInput("iterations", OnnxTensor.From([], 1L))
            .Initializer("always", OnnxTensor.From([], true))
            .Node("Loop", ["iterations", "always", "x"], ["turned"], OnnxAttr.Graph("body", AddOne()))
            .Node("Gather", ["turned", "index"], ["y"])
            .Build();

    /// <summary>The body of a Loop that adds 1 to its one variable.</summary>
    public static OnnxGraphBuilder AddOneBody() => AddOne();

    private static OnnxGraphBuilder AddOne() =>
        new OnnxGraphBuilder("body")
            .Input("turn", OnnxElementType.Int64)
            .Input("go_on", OnnxElementType.Bool)
            .Input("before", OnnxType.TensorOfAnyRank(OnnxElementType.Float))
            .Output("go_on_out", OnnxElementType.Bool)
            .Output("after", OnnxType.TensorOfAnyRank(OnnxElementType.Float))
            .Initializer("one", OnnxTensor.From([], 1f))
            .Node("Identity", ["go_on"], ["go_on_out"])
            .Node("Add", ["before", "one"], ["after"]);
}
