using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Whatever an answer depends on changes the key, and nothing else does.</summary>
public sealed class PredictionKeyWriterTests : IDisposable
{
    private static readonly CacheScope Scope = ScopeOf();
    private readonly PredictionKeyWriter _keys = new(secret: null);
    private readonly List<Tensor> _tensors = [];

    public void Dispose()
    {
        _tensors.ForEach(tensor => tensor.Dispose());
        _keys.Dispose();
    }

    [Fact]
    public void Write_SameRequestTwice_GivesTheSameKey() =>
        Assert.Equal(Key(["y"], ("x", Floats([2], 1, 2))), Key(["y"], ("x", Floats([2], 1, 2))));

    [Fact]
    public void Write_InputsInAnotherOrder_GivesTheSameKey() =>
        Assert.Equal(Key(["y"], ("a", Floats([1], 1)), ("b", Floats([1], 2))), Key(["y"], ("b", Floats([1], 2)), ("a", Floats([1], 1))));

    [Fact]
    public void Write_RequestsThatDifferInOneThing_GiveDifferentKeys()
    {
        PredictionKey[] keys =
        [
            Key(["y"], ("x", Floats([2], 1, 2))),

            // Values, name, shape with the same bytes, type with the same bytes.
            Key(["y"], ("x", Floats([2], 2, 1))),
            Key(["y"], ("w", Floats([2], 1, 2))),
            Key(["y"], ("x", Floats([2, 1], 1, 2))),
            Key(["y"], ("x", Floats([1, 2], 1, 2))),
            Key(["y"], ("x", Tensor(TensorType.Int32, [2], [BitConverter.SingleToInt32Bits(1), BitConverter.SingleToInt32Bits(2)]))),
            Key(["y"], ("x", Tensor(TensorType.UInt32, [2], [BitConverter.SingleToInt32Bits(1), BitConverter.SingleToInt32Bits(2)]))),

            // Zeros of either sign and different NaNs are different bytes: a graph may tell them apart.
            Key(["y"], ("x", Floats([1], 0f))),
            Key(["y"], ("x", Floats([1], -0f))),
            Key(["y"], ("x", Floats([1], float.NaN))),
            Key(["y"], ("x", Floats([1], BitConverter.Int32BitsToSingle(0x7fc00001)))),

            // Outputs: other ones, more, another order, none; and names whose letters could be read as another split.
            Key(["z"], ("x", Floats([2], 1, 2))),
            Key(["y", "z"], ("x", Floats([2], 1, 2))),
            Key(["z", "y"], ("x", Floats([2], 1, 2))),
            Key([], ("x", Floats([2], 1, 2))),
            Key(["yz"], ("x", Floats([2], 1, 2))),
            Key(["y", "y"], ("x", Floats([2], 1, 2))),

            // Empty tensors differ by shape and type alone; no input at all; an optional input given and left out.
            Key(["y"], ("x", Floats([0]))),
            Key(["y"], ("x", Floats([0, 4]))),
            Key(["y"], ("x", Floats([4, 0]))),
            Key(["y"], ("x", Tensor<long>(TensorType.Int64, [0], []))),
            Key(["y"]),
            Key(["y"], ("x", Floats([2], 1, 2)), ("o", Floats([0]))),
            Key(["y"], ("x", Floats([2], 1, 2)), ("o", Floats([], 0))),

            // Strings: the same letters, cut elsewhere.
            Key(["y"], ("x", Strings([2], "ab", "c"))),
            Key(["y"], ("x", Strings([2], "a", "bc"))),
            Key(["y"], ("x", Strings([1], "abc"))),
            Key(["y"], ("x", Strings([2], "", "abc"))),

            // Bytes that move from one input to its neighbour.
            Key(["y"], ("a", Floats([1], 1)), ("b", Floats([2], 2, 3))),
            Key(["y"], ("a", Floats([2], 1, 2)), ("b", Floats([1], 3))),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void Write_OtherScopeTenantOrSecret_GivesAnotherKey()
    {
        using var secret = new PredictionKeyWriter(new byte[32]);
        using var otherSecret = new PredictionKeyWriter([.. Enumerable.Repeat((byte)1, 32)]);
        NamedTensor[] inputs = [new("x", Floats([1], 1))];
        PredictionKey[] keys =
        [
            _keys.Write(Scope, null, ["y"], inputs),
            _keys.Write(Scope, "", ["y"], inputs),
            _keys.Write(Scope, "anna", ["y"], inputs),
            _keys.Write(Scope, "berta", ["y"], inputs),
            _keys.Write(ScopeOf(model: "other"), null, ["y"], inputs),
            _keys.Write(ScopeOf(version: 2), null, ["y"], inputs),
            _keys.Write(ScopeOf(digest: "other"), null, ["y"], inputs),
            _keys.Write(ScopeOf(settings: "other"), null, ["y"], inputs),
            _keys.Write(ScopeOf(modelEpoch: 1), null, ["y"], inputs),
            _keys.Write(ScopeOf(versionEpoch: 1), null, ["y"], inputs),
            secret.Write(Scope, null, ["y"], inputs),
            otherSecret.Write(Scope, null, ["y"], inputs),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void Write_TextsThatNoEncodingKeepsApart_GiveDifferentKeys()
    {
        // UTF-8 makes the same replacement of both.
        NamedTensor[] inputs = [new("x", Floats([1], 1))];

        Assert.NotEqual(_keys.Write(Scope, "\ud800", ["y"], inputs), _keys.Write(Scope, "\udc00", ["y"], inputs));
    }

    // Around the size that is gathered before it is hashed, and far beyond.
    [Theory]
    [InlineData(2000)]
    [InlineData(2047)]
    [InlineData(2048)]
    [InlineData(2049)]
    [InlineData(5000)]
    [InlineData(400_000)]
    public void Write_LargeTensors_EveryElementCounts(int elements)
    {
        using var secret = new PredictionKeyWriter(new byte[64]);
        float[] values = [.. Enumerable.Range(0, elements).Select(value => (float)value)];
        var keys = new HashSet<PredictionKey>();
        foreach (int changed in new[] { -1, 0, elements / 2, elements - 1 })
        {
            float[] copy = [.. values];
            if (changed >= 0)
            {
                copy[changed]++;
            }

            NamedTensor[] inputs = [new("a", Floats([1], 1)), new("x", Floats([elements], copy)), new("z", Floats([1], 1))];
            keys.Add(_keys.Write(Scope, null, ["y"], inputs));
            keys.Add(secret.Write(Scope, null, ["y"], inputs));
            Assert.Equal(_keys.Write(Scope, null, ["y"], inputs), _keys.Write(Scope, null, ["y"], inputs));
        }

        Assert.Equal(8, keys.Count);
    }

    [Fact]
    public void Write_ARowOfABatch_HasTheKeyOfARequestWithThatRowAlone()
    {
        Tensor numbers = Floats([2, 3], 1, 2, 3, 4, 5, 6);
        Tensor texts = Strings([2, 2], "a", "", "bcd", "e");
        TensorRows[] rows = [new("n", numbers), new("t", texts)];

        Assert.Equal(Key(["y"], ("n", Floats([1, 3], 1, 2, 3)), ("t", Strings([1, 2], "a", ""))), _keys.Write(Scope, null, ["y"], rows, 0));
        Assert.Equal(Key(["y"], ("n", Floats([1, 3], 4, 5, 6)), ("t", Strings([1, 2], "bcd", "e"))), _keys.Write(Scope, null, ["y"], rows, 1));
    }

    [Fact]
    public void Write_FromManyThreads_GivesTheSameKeys()
    {
        NamedTensor[] inputs = [new("x", Floats([5000], [.. Enumerable.Range(0, 5000).Select(value => (float)value)]))];
        PredictionKey expected = _keys.Write(Scope, null, ["y"], inputs);

        Parallel.For(0, 200, _ => Assert.Equal(expected, _keys.Write(Scope, null, ["y"], inputs)));
    }

    private static CacheScope ScopeOf(
        string model = "m", long version = 1, string digest = "d", string settings = "s", long modelEpoch = 0, long versionEpoch = 0) =>
        new(PredictionKeyWriter.HashScope(model, version, digest, settings, modelEpoch, versionEpoch), isShared: false);

    private PredictionKey Key(string[] outputs, params (string Name, Tensor Tensor)[] inputs) =>
        _keys.Write(Scope, null, outputs, [.. inputs.Select(input => new NamedTensor(input.Name, input.Tensor))]);

    private Tensor Floats(long[] shape, params float[] values) => Tensor(TensorType.Fp32, shape, values);

    private Tensor Tensor<T>(TensorType type, long[] shape, T[] values)
        where T : unmanaged
    {
        _tensors.Add(ModelGateway.Serving.Tensors.Tensor.Create<T>(type, shape, values));
        return _tensors[^1];
    }

    private Tensor Strings(long[] shape, params string[] values)
    {
        _tensors.Add(ModelGateway.Serving.Tensors.Tensor.FromStrings(shape, values));
        return _tensors[^1];
    }
}
