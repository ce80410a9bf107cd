using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class PredictionCodecTests
{
    private static readonly TimeSpan Cost = TimeSpan.FromMicroseconds(1234);

    [Fact]
    public void TryDecode_WhatWasEncoded_GivesTheSameOutputs()
    {
        OutputValue[] outputs = AllKinds();

        byte[] payload = PredictionCodec.Encode(outputs, Cost, long.MaxValue)!;
        Assert.True(PredictionCodec.TryDecode(payload, out OutputValue[]? decoded, out TimeSpan cost));

        Assert.Equal(Cost, cost);
        Assert.Equal(outputs.Select(Describe), decoded.Select(Describe));
    }

    [Fact]
    public void TryDecode_ReadByManyAndGivenBack_StaysReadable()
    {
        byte[] payload = PredictionCodec.Encode(AllKinds(), Cost, long.MaxValue)!;
        Assert.True(PredictionCodec.TryDecode(payload, out OutputValue[]? decoded, out _));
        string[] before = [.. decoded.Select(Describe)];

        Array.ForEach(decoded, output => output.Dispose());

        Assert.Equal(before, decoded.Select(Describe));
    }

    [Fact]
    public void Encode_LargerThanAllowed_GivesNothing()
    {
        OutputValue[] outputs = AllKinds();
        int length = PredictionCodec.Encode(outputs, Cost, long.MaxValue)!.Length;

        Assert.NotNull(PredictionCodec.Encode(outputs, Cost, length));
        Assert.Null(PredictionCodec.Encode(outputs, Cost, length - 1));
    }

    [Fact]
    public void TryDecode_CutAnywhere_IsRefused()
    {
        byte[] payload = PredictionCodec.Encode(AllKinds(), Cost, long.MaxValue)!;
        for (int length = 0; length < payload.Length; length++)
        {
            Assert.False(PredictionCodec.TryDecode(payload[..length], out _, out _), $"{length} of {payload.Length} bytes were taken.");
        }

        Assert.False(PredictionCodec.TryDecode([.. payload, 0], out _, out _));
    }

    [Fact]
    public void TryDecode_AnyBitFlippedOrGarbage_NeverThrowsAndNeverReadsBeyond()
    {
        byte[] payload = PredictionCodec.Encode(AllKinds(), Cost, long.MaxValue)!;
        for (int bit = 0; bit < payload.Length * 8; bit++)
        {
            byte[] flipped = [.. payload];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            Touch(flipped);
        }

        var random = new Random(5);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] garbage = new byte[random.Next(64)];
            random.NextBytes(garbage);
            Touch(garbage);
        }
    }

    private static void Touch(byte[] payload)
    {
        if (PredictionCodec.TryDecode(payload, out OutputValue[]? outputs, out _))
        {
            _ = outputs.Select(Describe).ToList();
        }
    }

    private static OutputValue[] AllKinds() =>
    [
        OutputValue.FromTensor("probabilities", Tensor.Create<float>(TensorType.Fp32, [2, 3], [1, float.NaN, -0f, 4, 5, 6])),
        OutputValue.FromTensor("scalar", Tensor.Create<long>(TensorType.Int64, [], [42])),
        OutputValue.FromTensor("empty", Tensor.Create<byte>(TensorType.UInt8, [0, 7], [])),
        OutputValue.FromTensor("odd", Tensor.Create<byte>(TensorType.Bool, [3], [1, 0, 1])),
        OutputValue.FromTensor("texts", Tensor.FromStrings([2], ["", "größe"])),
        OutputValue.FromSequence("sequence", [Tensor.Create<double>(TensorType.Fp64, [1], [2.5]), Tensor.FromStrings([1], ["x"])]),
        OutputValue.FromSequence("nothing", []),
        OutputValue.FromMaps("map", OutputKind.Map, Tensor.FromStrings([2], ["a", "b"]), Tensor.Create<float>(TensorType.Fp32, [2], [1, 2])),
        OutputValue.FromMaps("maps", OutputKind.MapSequence, Tensor.Create<long>(TensorType.Int64, [2], [7, 8]), Tensor.Create<float>(TensorType.Fp32, [1, 2], [1, 2])),
    ];

    private static string Describe(OutputValue output) =>
        $"{output.Name} {output.Kind} {(output.Labels is null ? "" : Describe(output.Labels))} [{string.Join(", ", output.Tensors.Select(Describe))}]";

    private static string Describe(Tensor tensor) => $"{tensor.Type} {TensorShape.Format(tensor.Shape)} {Convert.ToHexString(tensor.Data)}";
}
