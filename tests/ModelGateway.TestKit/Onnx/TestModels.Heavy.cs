namespace ModelGateway.TestKit.Onnx;

/// <summary>Models that take time, for what happens beside them.</summary>
public static partial class TestModels
{
    /// <summary>
    /// <c>x</c> FP32 [batch, 784] → <c>y</c> FP32 [batch, 10]: 784-512-256-10 with relus. Its 2 MB of weights are read anew in each run,
    /// so that a row of a batch costs a third of a single one.
    /// </summary>
    public static byte[] WideMlp() =>
        new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 784)
            .Output("y", OnnxElementType.Float, "batch", 10)
            .Initializer("w1", Weights(11, 784, 512))
            .Initializer("b1", Weights(12, 512))
            .Initializer("w2", Weights(13, 512, 256))
            .Initializer("b2", Weights(14, 256))
            .Initializer("w3", Weights(15, 256, 10))
            .Initializer("b3", Weights(16, 10))
            .Node("Gemm", ["x", "w1", "b1"], ["one"])
            .Node("Relu", ["one"], ["first"])
            .Node("Gemm", ["first", "w2", "b2"], ["two"])
            .Node("Relu", ["two"], ["second"])
            .Node("Gemm", ["second", "w3", "b3"], ["y"])
            .Build();

    /// <summary>
    /// <c>x</c> FP32 [batch, 64] → <c>y</c> FP32 [batch, 64]: each row becomes a matrix of 64 x 64 that is multiplied so often, so that a run costs in
    /// proportion to its rows, and nothing is gained by running them together.
    /// </summary>
    /// <param name="products">Matrix products a row; each takes some 5 to 10 us.</param>
    public static byte[] ComputeBound(int products)
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 64)
            .Output("y", OnnxElementType.Float, "batch", 64)
            .Initializer("w", Weights(17, 64, 64))
            .Initializer("last", OnnxTensor.From([1], 2L))
            .Node("Unsqueeze", ["x", "last"], ["column"])
            .Node("Mul", ["column", "w"], ["m0"]);
        for (int i = 0; i < products; i++)
        {
            graph.Node("MatMul", [$"m{i}", "w"], [$"p{i}"]).Node("Tanh", [$"p{i}"], [$"m{i + 1}"]);
        }

        return graph.Node("ReduceMean", [$"m{products}"], ["y"], OnnxAttr.Ints("axes", 2), OnnxAttr.Int("keepdims", 0)).Build();
    }
}
