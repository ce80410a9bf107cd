using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Benchmarks;

/// <summary>Models of the sizes that the suite needs. Their weights look random and are the same at every call; none was trained.</summary>
internal static class BenchmarkModels
{
    /// <summary>Inputs of <see cref="Perceptron"/>: a picture of 28 x 28.</summary>
    public const int PerceptronInputs = 784;

    private const int Width = 256;
    private const int Heads = 4;
    private const int Tokens = 64;

    /// <summary><c>x</c> FP32 [batch, 784] → <c>probabilities</c> FP32 [batch, 10]: layers of 512 and 256, 2 MB of weights, some 30 µs a row.</summary>
    public static byte[] Perceptron()
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", PerceptronInputs)
            .Output("probabilities", OnnxElementType.Float, "batch", 10);
        Dense(graph, "x", "a", PerceptronInputs, 512);
        graph.Node("Relu", ["a"], ["a_active"]);
        Dense(graph, "a_active", "b", 512, 256);
        graph.Node("Relu", ["b"], ["b_active"]);
        Dense(graph, "b_active", "c", 256, 10);
        return graph.Node("Softmax", ["c"], ["probabilities"], OnnxAttr.Int("axis", 1)).Build();
    }

    /// <summary><c>x</c> FP32 [batch, 3, 224, 224] → <c>y</c> FP32 [batch, 10]: the means of the channels and one small layer, some 30 µs.</summary>
    public static byte[] Pooled()
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 3, 224, 224)
            .Output("y", OnnxElementType.Float, "batch", 10)
            .Node("ReduceMean", ["x"], ["means"], OnnxAttr.Ints("axes", 2, 3), OnnxAttr.Int("keepdims", 0));
        Dense(graph, "means", "y", 3, 10);
        return graph.Build();
    }

    /// <summary><c>x</c> FP32 [batch, 64, 256] → <c>y</c> FP32 [batch, 256]: four encoder layers of a transformer, some 5 ms a row.</summary>
    public static byte[] Transformer()
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", Tokens, Width)
            .Output("y", OnnxElementType.Float, "batch", Width)
            .Initializer("split", OnnxTensor.From([4], 0L, 0L, Heads, Width / Heads))
            .Initializer("joined", OnnxTensor.From([3], 0L, 0L, Width))
            .Initializer("scale", OnnxTensor.From([], 1 / MathF.Sqrt(Width / Heads)))
            .Initializer("ones", OnnxTensor.From<float>([Width], [.. Enumerable.Repeat(1f, Width)]))
            .Initializer("zeros", OnnxTensor.From<float>([Width], new float[Width]));
        string last = "x";
        for (int layer = 0; layer < 4; layer++)
        {
            last = EncoderLayer(graph, last, $"l{layer}_");
        }

        return graph.Node("ReduceMean", [last], ["y"], OnnxAttr.Ints("axes", 1), OnnxAttr.Int("keepdims", 0)).Build();
    }

    /// <summary><c>x</c> FP32 [batch, 3, 224, 224] → <c>logits</c> FP32 [batch, 1000]: the shape of ResNet-18, 46 MB of weights, some 35 ms a row.</summary>
    public static byte[] ResNet18()
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 3, 224, 224)
            .Output("logits", OnnxElementType.Float, "batch", 1000);
        Convolve(graph, "x", "stem", 3, 64, kernel: 7, stride: 2);
        graph.Node("Relu", ["stem"], ["stem_active"])
            .Node("MaxPool", ["stem_active"], ["stage0"], OnnxAttr.Ints("kernel_shape", 3, 3), OnnxAttr.Ints("strides", 2, 2), OnnxAttr.Ints("pads", 1, 1, 1, 1));
        string last = "stage0";
        int channels = 64;
        foreach (int wider in new[] { 64, 128, 256, 512 })
        {
            last = ResidualBlock(graph, last, $"s{wider}a_", channels, wider);
            last = ResidualBlock(graph, last, $"s{wider}b_", wider, wider);
            channels = wider;
        }

        graph.Node("ReduceMean", [last], ["features"], OnnxAttr.Ints("axes", 2, 3), OnnxAttr.Int("keepdims", 0));
        Dense(graph, "features", "logits", 512, 1000);
        return graph.Build();
    }

    /// <summary>Numbers from 0 to 1, the same on every machine: inputs and, around their middle, weights.</summary>
    /// <param name="seed">Which numbers.</param>
    /// <param name="count">How many.</param>
    public static float[] Numbers(uint seed, int count)
    {
        float[] values = new float[count];
        uint state = seed * 2654435761;
        for (int i = 0; i < values.Length; i++)
        {
            state = (state * 1664525) + 1013904223;
            values[i] = (state >> 8) / (float)(1 << 24);
        }

        return values;
    }

    private static void Dense(OnnxGraphBuilder graph, string input, string output, int from, int to) =>
        graph.Initializer($"{output}_w", Weights(output, from, from, to))
            .Initializer($"{output}_b", Weights(output + "b", to, to))
            .Node("Gemm", [input, $"{output}_w", $"{output}_b"], [output]);

    private static string EncoderLayer(OnnxGraphBuilder graph, string input, string p)
    {
        foreach (string part in new[] { "q", "k", "v" })
        {
            Project(graph, input, p + part, Width, Width);
            graph.Node("Reshape", [p + part, "split"], [$"{p}{part}_split"])
                .Node("Transpose", [$"{p}{part}_split"], [$"{p}{part}_heads"], part == "k" ? OnnxAttr.Ints("perm", 0, 2, 3, 1) : OnnxAttr.Ints("perm", 0, 2, 1, 3));
        }

        graph.Node("MatMul", [$"{p}q_heads", $"{p}k_heads"], [$"{p}similarity"])
            .Node("Mul", [$"{p}similarity", "scale"], [$"{p}scaled"])
            .Node("Softmax", [$"{p}scaled"], [$"{p}attention"], OnnxAttr.Int("axis", -1))
            .Node("MatMul", [$"{p}attention", $"{p}v_heads"], [$"{p}mixed"])
            .Node("Transpose", [$"{p}mixed"], [$"{p}turned"], OnnxAttr.Ints("perm", 0, 2, 1, 3))
            .Node("Reshape", [$"{p}turned", "joined"], [$"{p}together"]);
        Project(graph, $"{p}together", $"{p}o", Width, Width);
        AddAndNormalize(graph, input, $"{p}o", $"{p}attended");
        Project(graph, $"{p}attended", $"{p}up", Width, 4 * Width);
        graph.Node("Relu", [$"{p}up"], [$"{p}up_active"]);
        Project(graph, $"{p}up_active", $"{p}down", 4 * Width, Width);
        AddAndNormalize(graph, $"{p}attended", $"{p}down", $"{p}out");
        return $"{p}out";
    }

    private static void Project(OnnxGraphBuilder graph, string input, string output, int from, int to) =>
        graph.Initializer($"{output}_w", Weights(output, from, from, to)).Node("MatMul", [input, $"{output}_w"], [output]);

    private static void AddAndNormalize(OnnxGraphBuilder graph, string one, string other, string output) =>
        graph.Node("Add", [one, other], [$"{output}_sum"])
            .Node("LayerNormalization", [$"{output}_sum", "ones", "zeros"], [output], OnnxAttr.Int("axis", -1));

    private static string ResidualBlock(OnnxGraphBuilder graph, string input, string p, int from, int to)
    {
        int stride = from == to ? 1 : 2;
        string shortcut = input;
        Convolve(graph, input, $"{p}1", from, to, kernel: 3, stride);
        graph.Node("Relu", [$"{p}1"], [$"{p}1_active"]);
        Convolve(graph, $"{p}1_active", $"{p}2", to, to, kernel: 3, stride: 1);
        if (stride > 1)
        {
            shortcut = $"{p}shortcut";
            Convolve(graph, input, shortcut, from, to, kernel: 1, stride);
        }

        graph.Node("Add", [$"{p}2", shortcut], [$"{p}sum"]).Node("Relu", [$"{p}sum"], [$"{p}out"]);
        return $"{p}out";
    }

    private static void Convolve(OnnxGraphBuilder graph, string input, string output, int from, int to, int kernel, int stride)
    {
        int pad = kernel / 2;
        graph.Initializer($"{output}_w", Weights(output, from * kernel * kernel, to, from, kernel, kernel))
            .Node("Conv", [input, $"{output}_w"], [output], OnnxAttr.Ints("kernel_shape", kernel, kernel), OnnxAttr.Ints("strides", stride, stride), OnnxAttr.Ints("pads", pad, pad, pad, pad));
    }

    // Of a size at which values neither die out nor grow from layer to layer.
    private static OnnxTensor Weights(string name, int fanIn, params long[] dimensions)
    {
        uint seed = name.Aggregate(17u, (hash, letter) => (hash * 31) + letter);
        float size = 2 * MathF.Sqrt(3f / fanIn);
        float[] values = Numbers(seed, (int)dimensions.Aggregate(1L, (product, dimension) => product * dimension));
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (values[i] - 0.5f) * size;
        }

        return OnnxTensor.From<float>(dimensions, values);
    }
}
