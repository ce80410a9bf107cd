using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Benchmarks;

/// <summary>Models of the size of real ones, with the nodes that exporters write, so that ONNX Runtime has something to optimize. The weights are noise.</summary>
internal static class LargeModels
{
    private const int HeadSize = 64;

    /// <summary>Convolutions of 3 x 3 with batch normalization and relu, one after the other.</summary>
    public static byte[] Convolutions(int blocks, int channels)
    {
        var weights = new Weights();
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 3, "height", "width")
            .Output("y", OnnxElementType.Float, "batch", channels, "height", "width");
        for (int i = 0; i < blocks; i++)
        {
            graph
                .Initializer($"kernel{i}", weights.Next(channels, i == 0 ? 3 : channels, 3, 3))
                .Initializer($"scale{i}", weights.Next(channels)).Initializer($"shift{i}", weights.Next(channels))
                .Initializer($"mean{i}", weights.Next(channels)).Initializer($"variance{i}", weights.Positive(channels))
                .Node("Conv", [i == 0 ? "x" : $"active{i - 1}", $"kernel{i}"], [$"convolved{i}"], OnnxAttr.Ints("pads", 1, 1, 1, 1))
                .Node("BatchNormalization", [$"convolved{i}", $"scale{i}", $"shift{i}", $"mean{i}", $"variance{i}"], [$"normal{i}"])
                .Node("Relu", [$"normal{i}"], [i == blocks - 1 ? "y" : $"active{i}"]);
        }

        return graph.Build();
    }

    /// <summary>Matrix products with bias and relu, one after the other.</summary>
    public static byte[] Products(int layers, int width)
    {
        var weights = new Weights();
        OnnxGraphBuilder graph = new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", width).Output("y", OnnxElementType.Float, "batch", width);
        for (int i = 0; i < layers; i++)
        {
            graph
                .Initializer($"w{i}", weights.Next(width, width)).Initializer($"b{i}", weights.Next(width))
                .Node("MatMul", [i == 0 ? "x" : $"active{i - 1}", $"w{i}"], [$"product{i}"])
                .Node("Add", [$"product{i}", $"b{i}"], [$"sum{i}"])
                .Node("Relu", [$"sum{i}"], [i == layers - 1 ? "y" : $"active{i}"]);
        }

        return graph.Build();
    }

    /// <summary>An encoder as it is exported: layer norms and GELU in their elementary operations.</summary>
    public static byte[] Encoder(int layers, int width)
    {
        var encoder = new EncoderBuilder(width);
        string current = "x";
        for (int i = 0; i < layers; i++)
        {
            current = encoder.Layer(current, i == layers - 1 ? "y" : null);
        }

        return encoder.Graph.Build();
    }

    private sealed class EncoderBuilder(int width)
    {
        private readonly Weights _weights = new();
        private int _names;

        public OnnxGraphBuilder Graph { get; } = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", "length", width)
            .Output("y", OnnxElementType.Float, "batch", "length", width)
            .Initializer("two", OnnxTensor.From([], 2f)).Initializer("epsilon", OnnxTensor.From([], 1e-5f)).Initializer("root", OnnxTensor.From([], 1.41421356f))
            .Initializer("one", OnnxTensor.From([], 1f)).Initializer("half", OnnxTensor.From([], 0.5f)).Initializer("scale", OnnxTensor.From([], 8f))
            .Initializer("heads", OnnxTensor.From([4], 0L, 0L, width / HeadSize, HeadSize)).Initializer("joined", OnnxTensor.From([3], 0L, 0L, (long)width));

        public string Layer(string input, string? output)
        {
            string normal = Norm(input);
            string queries = Heads(normal, 0, 2, 1, 3);
            string keys = Heads(normal, 0, 2, 3, 1);
            string values = Heads(normal, 0, 2, 1, 3);
            string attention = Then("Softmax", [Then("Div", [Then("MatMul", [queries, keys]), "scale"])], OnnxAttr.Int("axis", -1));
            string attended = Then("Transpose", [Then("MatMul", [attention, values])], OnnxAttr.Ints("perm", 0, 2, 1, 3));
            string sum = Then("Add", [input, Linear(Then("Reshape", [attended, "joined"]), width, width)]);
            string wide = Linear(Norm(sum), width, 4 * width);
            string error = Then("Add", [Then("Erf", [Then("Div", [wide, "root"])]), "one"]);
            string gelu = Then("Mul", [Then("Mul", [wide, error]), "half"]);
            string narrow = Linear(gelu, 4 * width, width);
            output ??= Name();
            Graph.Node("Add", [sum, narrow], [output]);
            return output;
        }

        private string Norm(string input)
        {
            string centred = Then("Sub", [input, Then("ReduceMean", [input], OnnxAttr.Ints("axes", -1))]);
            string variance = Then("ReduceMean", [Then("Pow", [centred, "two"])], OnnxAttr.Ints("axes", -1));
            string normal = Then("Div", [centred, Then("Sqrt", [Then("Add", [variance, "epsilon"])])]);
            return Then("Add", [Then("Mul", [normal, Constant(_weights.Next(width))]), Constant(_weights.Next(width))]);
        }

        private string Heads(string input, params long[] order) =>
            Then("Transpose", [Then("Reshape", [Linear(input, width, width), "heads"])], OnnxAttr.Ints("perm", order));

        private string Linear(string input, int from, int to) =>
            Then("Add", [Then("MatMul", [input, Constant(_weights.Next(from, to))]), Constant(_weights.Next(to))]);

        private string Then(string operation, string[] inputs, params OnnxAttr[] attributes)
        {
            string output = Name();
            Graph.Node(operation, inputs, [output], attributes);
            return output;
        }

        private string Constant(OnnxTensor value)
        {
            string name = Name();
            Graph.Initializer(name, value);
            return name;
        }

        private string Name() => $"v{_names++}";
    }

    private sealed class Weights
    {
        private readonly Random _random = new(1);

        public OnnxTensor Next(params long[] dimensions) => Make(dimensions, 0);

        public OnnxTensor Positive(params long[] dimensions) => Make(dimensions, 1);

        private OnnxTensor Make(long[] dimensions, float offset)
        {
            float[] values = new float[dimensions.Aggregate(1L, (product, dimension) => product * dimension)];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = ((_random.NextSingle() - 0.5f) * 0.1f) + offset;
            }

            return OnnxTensor.From<float>(dimensions, values);
        }
    }
}
