using System.Diagnostics;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Tensors through real sessions: every type, every kind of shape, and what comes back of them.</summary>
public sealed class OnnxModelInstanceTests
{
    // Generous: the machine may be busy. A run that is not stopped takes for ever.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public static TheoryData<TensorType> FixedSizeTypes => [.. Enum.GetValues<TensorType>().Where(type => type != TensorType.Bytes)];

    [Theory]
    [MemberData(nameof(FixedSizeTypes))]
    public void Run_AnyFixedSizeType_HandsEveryBitThrough(TensorType type)
    {
        int size = type.ElementSize();
        byte[] bytes = new byte[6 * size];
        new Random(1).NextBytes(bytes);

        // The extremes: lowest, highest, and for floats NaN, infinities and subnormals among the random bits.
        bytes.AsSpan(0, size).Fill(0xFF);
        bytes.AsSpan(size, size).Clear();
        bytes[(2 * size) - 1] = 0x80;
        if (type == TensorType.Bool)
        {
            bytes = [1, 0, 1, 1, 0, 0];
        }

        using var model = new LoadedModel(TestModels.Identity(type.ToOnnx(), "n", 3));

        OutputValue y = Assert.Single(model.Input("x", Tensor.Create<byte>(type, [2, 3], bytes)).Run());

        Assert.Equal(("y", type), (y.Name, y.Values.Type));
        Assert.Equal([2, 3], y.Values.Shape);
        Assert.Equal(bytes, y.Values.Data.ToArray());
    }

    [Fact]
    public void Run_HalfPrecisionFloats_AreComputedOnByValue()
    {
        using var half = new LoadedModel(Cast(OnnxElementType.Float16, OnnxElementType.Float));
        using var brain = new LoadedModel(Cast(OnnxElementType.BFloat16, OnnxElementType.Float));
        ushort[] bits = [BFloat16Bits.FromSingle(1.5f), BFloat16Bits.FromSingle(-3e38f), BFloat16Bits.FromSingle(float.NaN)];

        float[] halves = half.Input("x", TensorType.Fp16, [3], (Half)1.5f, (Half)65504f, Half.NegativeInfinity).Run()[0].Values.AsSpan<float>().ToArray();
        float[] brains = brain.Input("x", TensorType.Bf16, [3], bits).Run()[0].Values.AsSpan<float>().ToArray();

        Assert.Equal([1.5f, 65504f, float.NegativeInfinity], halves);
        Assert.Equal([1.5f, BFloat16Bits.ToSingle(bits[1]), float.NaN], brains);
    }

    [Fact]
    public void Run_StringsOfAnyKind_ComeBackByteForByte()
    {
        string[] texts =
        [
            "", "a", "Ünï", "日本語", "🙂👩‍👩‍👧", "\0", "a\0b", "\0\0", "\uFEFFbom", "\r\n\t", "\u202Eright to left", new string('x', 100_000), "",
        ];
        using var model = new LoadedModel(TestModels.StringIdentity());

        Tensor y = model.Strings("x", [texts.Length], texts).Run()[0].Values;

        Assert.Equal(TensorType.Bytes, y.Type);
        Assert.Equal([texts.Length], y.Shape);
        Assert.Equal(texts, y.ToStrings());
    }

    [Fact]
    public void Run_BytesThatAreNoText_ComeBackByteForByte()
    {
        byte[][] elements = [[0xFF, 0xFE, 0x00, 0x80], [], [0xC3], [0x00]];
        using var writer = new BytesWriter(16);
        Array.ForEach(elements, element => writer.Append(element));
        using var model = new LoadedModel(TestModels.StringIdentity());

        Tensor y = model.Input("x", new Tensor(TensorType.Bytes, [4], writer.Detach())).Run()[0].Values;

        var back = new List<byte[]>();
        foreach (ReadOnlySpan<byte> element in y.ReadBytes())
        {
            back.Add(element.ToArray());
        }

        Assert.Equal(elements, back);
    }

    [Fact]
    public void Run_StringsInTwoDimensions_KeepTheirOrder()
    {
        using var model = new LoadedModel(TestModels.Identity(OnnxElementType.String, "n", "m"));

        Tensor y = model.Strings("x", [2, 3], "a", "b", "c", "d", "e", "f").Run()[0].Values;

        Assert.Equal([2, 3], y.Shape);
        Assert.Equal("abcdef", string.Concat(y.ToStrings()));
    }

    [Fact]
    public void Run_Scalar_HasAnEmptyShape()
    {
        using var model = new LoadedModel(TestModels.Scalar());
        using var text = new LoadedModel(TestModels.Identity(OnnxElementType.String));

        Tensor y = model.Input("x", TensorType.Fp32, [], 1.5f).Run()[0].Values;
        Tensor z = text.Strings("x", [], "one").Run()[0].Values;

        Assert.Empty(y.Shape);
        Assert.Equal([3f], y.AsSpan<float>());
        Assert.Empty(z.Shape);
        Assert.Equal(["one"], z.ToStrings());
    }

    [Theory]
    [InlineData(new long[] { })]
    [InlineData(new long[] { 3 })]
    [InlineData(new long[] { 2, 0, 3 })]
    [InlineData(new long[] { 0 })]
    [InlineData(new long[] { 1, 1, 1, 1, 1, 1, 1 })]
    public void Run_UnknownRank_TakesAnyShapeAndGivesItBack(long[] shape)
    {
        using var model = new LoadedModel(TestModels.UnknownRank());
        float[] values = [.. Enumerable.Range(1, (int)TensorShape.CountElements(shape)).Select(value => (float)value)];

        Tensor y = model.Input("x", TensorType.Fp32, shape, values).Run()[0].Values;

        Assert.Equal(shape, y.Shape);
        Assert.Equal(values.Select(value => 2 * value), y.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Run_ZeroSizedInAndOut_AreEmptyWithTheirShapes()
    {
        using var slice = new LoadedModel(TestModels.ZeroSize());
        using var strings = new LoadedModel(TestModels.StringIdentity());
        using var wide = new LoadedModel(TestModels.Identity(OnnxElementType.Int64, "n", "m"));

        Tensor fromFull = slice.Input("x", TensorType.Fp32, [2, 3], 1f, 2f, 3f, 4f, 5f, 6f).Run()[0].Values;
        Tensor noStrings = strings.Strings("x", [0]).Run()[0].Values;
        Tensor noRows = wide.Input<long>("x", TensorType.Int64, [0, 5]).Run()[0].Values;

        Assert.Equal([0, 3], fromFull.Shape);
        Assert.Equal([0], noStrings.Shape);
        Assert.Equal([0, 5], noRows.Shape);
        Assert.All([fromFull, noStrings, noRows], tensor => Assert.True(tensor.Data.IsEmpty));
    }

    [Fact]
    public void Run_NoInputs_Answers()
    {
        using var model = new LoadedModel(TestModels.NoInputs());

        Assert.Equal([1.5f, -2f], model.Run()[0].Values.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Run_OptionalInput_LeftOutOrGiven_IsTheGraphsValueOrOurs()
    {
        using var model = new LoadedModel(TestModels.OptionalInput());

        float[] left = model.Input("x", TensorType.Fp32, [1, 2], 1f, 2f).Run()[0].Values.AsSpan<float>().ToArray();
        float[] given = model.Input("bias", TensorType.Fp32, [2], 5f, 6f).Input("x", TensorType.Fp32, [1, 2], 1f, 2f).Run()[0].Values.AsSpan<float>().ToArray();
        float[] again = model.Input("x", TensorType.Fp32, [1, 2], 1f, 2f).Run()[0].Values.AsSpan<float>().ToArray();

        Assert.Equal([11f, 22f], left);
        Assert.Equal([6f, 8f], given);
        Assert.Equal(left, again);
    }

    [Fact]
    public void Run_SomeOutputsInAnotherOrder_GivesThoseInThatOrder()
    {
        using var model = new LoadedModel(TestModels.MixedTypes());

        IReadOnlyList<OutputValue> some = Inputs().Run("text_out", "ids_out");
        IReadOnlyList<OutputValue> all = Inputs().Run();

        Assert.Equal(["text_out", "ids_out"], some.Select(output => output.Name));
        Assert.Equal(["a", "b"], some[0].Values.ToStrings());
        Assert.Equal([1L, 2L], some[1].Values.AsSpan<long>().ToArray());
        Assert.Equal(["ids_out", "text_out", "flags_out", "pixels_out"], all.Select(output => output.Name));
        Assert.Equal([true, false], all[2].Values.AsSpan<bool>().ToArray());
        Assert.Equal<byte>([1, 2, 3, 4], all[3].Values.Data);

        LoadedModel Inputs() => model
            .Input("pixels", TensorType.UInt8, [2, 2], (byte)1, (byte)2, (byte)3, (byte)4)
            .Input("flags", TensorType.Bool, [2], true, false)
            .Strings("text", [2], "a", "b")
            .Input("ids", TensorType.Int64, [2], 1L, 2L);
    }

    [Fact]
    public void Run_OutputThatIsAnInput_IsACopy()
    {
        byte[] onnx = new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "n").Output("x", OnnxElementType.Float, "n").Build();
        using var model = new LoadedModel(onnx);

        Assert.Equal([7f], model.Input("x", TensorType.Fp32, [1], 7f).Run()[0].Values.AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(new[] { 7L }, "out of data bounds")]
    [InlineData(new[] { -3L }, "out of data bounds")]
    public void Run_InputThatTheGraphRefuses_IsTheInputsFault(long[] index, string reason)
    {
        using var model = new LoadedModel(TestModels.FailsAtRun());

        ModelRunException exception = Assert.Throws<ModelRunException>(
            () => model.Input("data", TensorType.Fp32, [2], 1f, 2f).Input("index", TensorType.Int64, [index.Length], index).Run());

        Assert.True(exception.InputAtFault);
        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
        AssertClean(exception.Message);
        Assert.Equal([2f], model.Input("data", TensorType.Fp32, [2], 1f, 2f).Input("index", TensorType.Int64, [1], 1L).Run()[0].Values.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Run_ShapesThatDoNotFitEachOther_AreTheInputsFault()
    {
        using var reshape = new LoadedModel(TestModels.FailsAtReshape());
        using var sum = new LoadedModel(TestModels.TwoInputsSum());

        ModelRunException first = Assert.Throws<ModelRunException>(
            () => reshape.Input("data", TensorType.Fp32, [2], 1f, 2f).Input("shape", TensorType.Int64, [1], 3L).Run());
        ModelRunException second = Assert.Throws<ModelRunException>(
            () => sum.Input("a", TensorType.Fp32, [1, 2], 1f, 2f).Input("b", TensorType.Fp32, [1, 3], 1f, 2f, 3f).Run());

        Assert.All([first, second], exception =>
        {
            Assert.True(exception.InputAtFault, exception.Message);
            AssertClean(exception.Message);
        });
    }

    [Theory]
    [InlineData(1L << 44)]
    [InlineData(1L << 62)]
    public void Run_AnswerLargerThanTheMemory_FailsAndTheNextRunWorks(long elements)
    {
        using var model = new LoadedModel(Filled());

        ModelRunException exception = Assert.Throws<ModelRunException>(() => model.Input("shape", TensorType.Int64, [1], elements).Run());

        AssertClean(exception.Message);
        Assert.Equal(3, model.Input("shape", TensorType.Int64, [1], 3L).Run()[0].Values.ElementCount);
    }

    [Fact]
    public void Run_UnknownOutput_IsTheInputsFault()
    {
        using var model = new LoadedModel(TestModels.NoInputs());

        Assert.True(Assert.Throws<ModelRunException>(() => model.Run("nothing")).InputAtFault);
    }

    [Fact]
    public void Run_Cancelled_StopsSoonAndTheNextRunWorks()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));
        for (int i = 0; i < 5; i++)
        {
            using var caller = new CancellationTokenSource(TimeSpan.FromMilliseconds(10));
            var watch = Stopwatch.StartNew();

            Assert.ThrowsAny<OperationCanceledException>(() => model.Input("x", TensorType.Fp32, [1, 1], 0f).Run(caller.Token));

            Assert.True(watch.Elapsed < Bound);
            Assert.Equal(3f, Count(model, 3));
        }
    }

    [Fact]
    public void Run_CancelledBeforeItBegins_DoesNotRun()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));

        Assert.ThrowsAny<OperationCanceledException>(() => model.Input("x", TensorType.Fp32, [1, 1], 0f).Run(new CancellationToken(canceled: true)));
        Assert.Equal(3f, Count(model, 3));
    }

    [Fact]
    public async Task Run_OneOfTwoIsCancelled_TheOtherGoesOn()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));
        using var other = new LoadedModel(TestModels.Slow(long.MaxValue));
        using var caller = new CancellationTokenSource();
        using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]);
        Task stopped = Task.Run(() => model.Instance.Run([new NamedTensor("x", x)], null, caller.Token));
        Task<float> counted = Task.Run(() => Count(model, 20_000));

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped.WaitAsync(Bound));
        Assert.Equal(20_000f, await counted.WaitAsync(Bound));
    }

    [Fact]
    public void Run_CancelledWhileRunsEnd_NeverStopsAnother()
    {
        // The token fires at every possible moment of a short run; run options go from one run to the next.
        using var model = new LoadedModel(TestModels.Slow(3));
        for (int i = 0; i < 300; i++)
        {
            using var caller = new CancellationTokenSource();
            caller.CancelAfter(TimeSpan.FromMicroseconds(i * 2));
            try
            {
                model.Input("x", TensorType.Fp32, [1, 1], 0f).Run(caller.Token);
            }
            catch (OperationCanceledException)
            {
                // It came in time.
            }

            Assert.Equal(3f, Count(model, 3));
        }
    }

    [Fact]
    public void Run_FromManyThreads_EachGetsItsOwnAnswer()
    {
        using var model = new LoadedModel(TestModels.MixedTypes());

        Parallel.For(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using Tensor ids = Tensor.Create<long>(TensorType.Int64, [1], [i]);
            using Tensor text = Tensor.FromStrings([1], [$"text {i}"]);
            using Tensor flags = Tensor.Create<bool>(TensorType.Bool, [1], [i % 2 == 0]);
            using Tensor pixels = Tensor.Create<byte>(TensorType.UInt8, [1, 2], [(byte)i, (byte)(i >> 8)]);
            IReadOnlyList<OutputValue> outputs = model.Instance.Run(
                [new("ids", ids), new("text", text), new("flags", flags), new("pixels", pixels)], null, CancellationToken.None);
            Assert.Equal(i, outputs[0].Values.AsSpan<long>()[0]);
            Assert.Equal($"text {i}", Assert.Single(outputs[1].Values.ToStrings()));
            Assert.Equal(i % 2 == 0, outputs[2].Values.AsSpan<bool>()[0]);
            Assert.Equal<byte>([(byte)i, (byte)(i >> 8)], outputs[3].Values.Data);
            foreach (OutputValue output in outputs)
            {
                output.Dispose();
            }
        });
    }

    private static float Count(LoadedModel model, long iterations)
    {
        using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]);
        using Tensor turns = Tensor.Create<long>(TensorType.Int64, [], [iterations]);
        using OutputValue y = model.Instance.Run([new("x", x), new("iterations", turns)], null, CancellationToken.None)[0];
        return y.Values.AsSpan<float>()[0];
    }

    private static void AssertClean(string message)
    {
        Assert.DoesNotContain("onnxruntime_src", message, StringComparison.Ordinal);
        Assert.DoesNotContain("ErrorCode", message, StringComparison.Ordinal);
        Assert.DoesNotContain(".cc", message, StringComparison.Ordinal);
        Assert.DoesNotContain("onnxruntime::", message, StringComparison.Ordinal);
        Assert.True(message.Length > 10, message);
    }

    private static byte[] Cast(OnnxElementType from, OnnxElementType to) =>
        new OnnxGraphBuilder().Input("x", from, "n").Output("y", to, "n").Node("Cast", ["x"], ["y"], OnnxAttr.Int("to", (long)to)).Build();

    /// <summary><c>shape</c> INT64 [rank] → <c>y</c> FP32 zeros of that shape.</summary>
    private static byte[] Filled() =>
        new OnnxGraphBuilder()
            .Input("shape", OnnxElementType.Int64, "rank")
            .Output("y", OnnxType.TensorOfAnyRank(OnnxElementType.Float))
            .Node("ConstantOfShape", ["shape"], ["y"])
            .Build();
}
