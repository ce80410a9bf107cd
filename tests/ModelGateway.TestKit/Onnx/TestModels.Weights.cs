using System.Runtime.InteropServices;

namespace ModelGateway.TestKit.Onnx;

/// <summary>Models that hold weights. The weights look random but are the same at every call.</summary>
public static partial class TestModels
{
    /// <summary>The inner dimension of <see cref="LargeWeights"/>.</summary>
    public const int LargeWeightsInputSize = 256;

    /// <summary><c>x</c> FP32 [batch, 4] → <c>probabilities</c> FP32 [batch, 3]: one hidden layer of 16, then softmax.</summary>
    public static byte[] Mlp() =>
        new OnnxGraphBuilder()
            .Description("A tiny classifier")
            .Metadata("classes", "a,b,c")
            .Input("x", OnnxElementType.Float, "batch", 4)
            .Output("probabilities", OnnxElementType.Float, "batch", 3)
            .Initializer("w1", Weights(1, 4, 16))
            .Initializer("b1", Weights(2, 16))
            .Initializer("w2", Weights(3, 16, 3))
            .Initializer("b2", Weights(4, 3))
            .Node("Gemm", ["x", "w1", "b1"], ["hidden"])
            .Node("Relu", ["hidden"], ["active"])
            .Node("Gemm", ["active", "w2", "b2"], ["logits"])
            .Node("Softmax", ["logits"], ["probabilities"], OnnxAttr.Int("axis", 1))
            .Build();

    /// <summary>
    /// <c>x</c> FP32 [batch, 256] → <c>y</c>, a matrix product with weights of about <paramref name="bytes"/> bytes, which so stay in
    /// memory (a constant that the optimizer could fold away would not).
    /// </summary>
    public static byte[] LargeWeights(int bytes)
    {
        int columns = Math.Max(1, bytes / sizeof(float) / LargeWeightsInputSize);
        return new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", LargeWeightsInputSize)
            .Output("y", OnnxElementType.Float, "batch", columns)
            .Initializer("w", Weights(5, LargeWeightsInputSize, columns))
            .Node("MatMul", ["x", "w"], ["y"])
            .Build();
    }

    /// <summary>
    /// <c>id</c> INT64 [batch] → <c>y</c> FP32 [batch, 64], a row of a table each: weights that ONNX Runtime reads where they lie, and does not lay out anew
    /// as it does those of a product.
    /// </summary>
    public static byte[] Table(int rows) =>
        new OnnxGraphBuilder()
            .Input("id", OnnxElementType.Int64, "batch")
            .Output("y", OnnxElementType.Float, "batch", 64)
            .Initializer("w", Weights(7, rows, 64))
            .Node("Gather", ["w", "id"], ["y"])
            .Build();

    /// <summary>
    /// <c>x</c> FP32 [batch, 1, 32, 32] → <c>y</c> FP32 [batch, 16], the means of what convolutions with 16 channels left: each row costs the same, however many come at once.
    /// </summary>
    /// <param name="layers">Convolutions of 4.7 million multiplications and additions a row.</param>
    public static byte[] Convolutions(int layers)
    {
        OnnxAttr[] same = [OnnxAttr.Ints("kernel_shape", 3, 3), OnnxAttr.Ints("pads", 1, 1, 1, 1)];
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 1, 32, 32)
            .Output("y", OnnxElementType.Float, "batch", 16)
            .Initializer("w0", Weights(1, 16, 1, 3, 3))
            .Node("Conv", ["x", "w0"], ["c0"], same);
        for (int layer = 1; layer < layers; layer++)
        {
            graph.Initializer($"w{layer}", Weights((uint)layer + 1, 16, 16, 3, 3))
                .Node("Conv", [$"c{layer - 1}", $"w{layer}"], [$"c{layer}"], same);
        }

        return graph
            .Node("GlobalAveragePool", [$"c{layers - 1}"], ["means"])
            .Node("Flatten", ["means"], ["y"])
            .Build();
    }

    /// <summary><c>x</c> FP32 [batch, weights] → <c>y</c> = x + weights, where the weights lie in a file beside the model.</summary>
    /// <param name="fileName">The file, as the model names it; a path that leaves the folder must be refused at load.</param>
    /// <param name="weights">The values.</param>
    public static ExternalDataModel WithExternalData(string fileName, params float[] weights)
    {
        // The weights do not begin at 0, so that a reader which forgets the offset is found out.
        byte[] data = [.. new byte[64], .. MemoryMarshal.AsBytes<float>(weights)];
        byte[] model = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", weights.Length)
            .Output("y", OnnxElementType.Float, "batch", weights.Length)
            .Initializer("w", OnnxTensor.External(OnnxElementType.Float, [weights.Length], fileName, 64, weights.Length * sizeof(float)))
            .Node("Add", ["x", "w"], ["y"])
            .Build();
        return new ExternalDataModel(model, fileName, data);
    }

    /// <summary>
    /// Two branches whose memory follows the request, for soaks: <c>image</c> FP32 [batch, 3, height, width] → <c>features</c> FP32 [batch, 8]
    /// (convolution, relu, mean); <c>tokens</c> FP32 [batch, length, 16] → <c>attended</c> of the same shape (self-attention, so that the
    /// inner matrix grows with the square of the length).
    /// </summary>
    public static byte[] VaryingShapes() =>
        new OnnxGraphBuilder()
            .Input("image", OnnxElementType.Float, "batch", 3, "height", "width")
            .Input("tokens", OnnxElementType.Float, "batch", "length", 16)
            .Output("features", OnnxElementType.Float, "batch", 8)
            .Output("attended", OnnxElementType.Float, "batch", "length", 16)
            .Initializer("kernel", Weights(6, 8, 3, 3, 3))
            .Initializer("projection", Weights(7, 16, 16))
            .Node("Conv", ["image", "kernel"], ["convolved"], OnnxAttr.Ints("pads", 1, 1, 1, 1))
            .Node("Relu", ["convolved"], ["active"])
            .Node("ReduceMean", ["active"], ["features"], OnnxAttr.Ints("axes", 2, 3), OnnxAttr.Int("keepdims", 0))
            .Node("MatMul", ["tokens", "projection"], ["queries"])
            .Node("Transpose", ["tokens"], ["keys"], OnnxAttr.Ints("perm", 0, 2, 1))
            .Node("MatMul", ["queries", "keys"], ["similarity"])
            .Node("Softmax", ["similarity"], ["attention"], OnnxAttr.Int("axis", 2))
            .Node("MatMul", ["attention", "tokens"], ["attended"])
            .Build();

    // A linear congruential generator: the same numbers on every machine and .NET version, between -0.5 and 0.5.
    private static OnnxTensor Weights(uint seed, params long[] dimensions)
    {
        float[] values = new float[dimensions.Aggregate(1L, (product, dimension) => product * dimension)];
        uint state = seed * 2654435761;
        for (int i = 0; i < values.Length; i++)
        {
            state = (state * 1664525) + 1013904223;
            values[i] = ((state >> 8) / (float)(1 << 24)) - 0.5f;
        }

        return OnnxTensor.From<float>(dimensions, values);
    }
}
