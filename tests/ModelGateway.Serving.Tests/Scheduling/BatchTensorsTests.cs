using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public sealed class BatchTensorsTests : IDisposable
{
    private readonly RunWorkers _workers = new(1);
    private readonly RunScheduler _scheduler;

    public BatchTensorsTests()
    {
        ServableMetrics metrics = new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1);
        _scheduler = new RunScheduler(
            new InstancePool(new FakeInstance(), 1, metrics), _workers, new RunSettings(1, 1, null), new RunCost(), (metrics, new ServableStatistics(metrics)), TimeProvider.System);
    }

    public static TheoryData<TensorType> Types => [.. Enum.GetValues<TensorType>()];

    public void Dispose() => _workers.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public void JoinAndSplit_AnyTypeAndShape_GivesBackEachRequestsBytes(TensorType type)
    {
        var random = new Random(20261126);
        for (int round = 0; round < 50; round++)
        {
            long[] tail = [.. Enumerable.Range(0, random.Next(3)).Select(_ => (long)random.Next(4))];
            PendingRun[] runs = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => MakeRun(type, random.Next(1, 6), tail, random))];

            NamedTensor[] joined = BatchTensors.Join(runs);

            Assert.Equal([runs.Sum(run => run.Rows), .. tail], joined[0].Tensor.Shape);
            Assert.Equal(runs.SelectMany(run => run.Inputs[0].Tensor.Data.ToArray()), joined[0].Tensor.Data.ToArray());
            OutputValue[] outputs = [OutputValue.FromTensor("y", joined[0].Tensor)];
            Assert.True(BatchTensors.TrySplit(outputs, runs, out OutputValue[][]? parts, out _));
            for (int i = 0; i < runs.Length; i++)
            {
                Tensor sent = runs[i].Inputs[0].Tensor;
                Tensor got = Assert.Single(parts[i]).Values;
                Assert.Equal((sent.Type, "y"), (got.Type, parts[i][0].Name));
                Assert.Equal(sent.Shape, got.Shape);
                Assert.Equal(sent.Data.ToArray(), got.Data.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public void TrySplit_OutputOfOtherRows_SaysSo(int rows)
    {
        var random = new Random(1);
        PendingRun[] runs = [Run(Make(TensorType.Fp32, [1, 2], random)), Run(Make(TensorType.Fp32, [1, 2], random))];
        OutputValue[] outputs = [OutputValue.FromTensor("y", Make(TensorType.Fp32, [rows], random))];

        Assert.False(BatchTensors.TrySplit(outputs, runs, out _, out string? obstacle));
        Assert.Equal("its output 'y' does not have one row for each of 2 rows that went in", obstacle);
    }

    [Fact]
    public void TrySplit_ScalarOrSequence_SaysSo()
    {
        var random = new Random(1);
        PendingRun[] runs = [Run(Make(TensorType.Fp32, [1], random))];

        Assert.False(BatchTensors.TrySplit([OutputValue.FromTensor("y", Make(TensorType.Fp32, [], random))], runs, out _, out _));
        Assert.False(BatchTensors.TrySplit([OutputValue.FromSequence("y", [Make(TensorType.Fp32, [1], random)])], runs, out _, out _));
    }

    private PendingRun MakeRun(TensorType type, long rows, long[] tail, Random random) => Run(Make(type, [rows, .. tail], random), Make(TensorType.Int8, [rows], random));

    private PendingRun Run(params Tensor[] inputs) =>
        new(_scheduler, [.. inputs.Select((tensor, index) => new NamedTensor($"x{index}", tensor))], null, canBeJoined: true, TimeProvider.System, CancellationToken.None);

    private static Tensor Make(TensorType type, long[] shape, Random random)
    {
        int count = (int)TensorShape.CountElements(shape);
        if (type == TensorType.Bytes)
        {
            return Tensor.FromStrings(shape, [.. Enumerable.Range(0, count).Select(_ => new string('x', random.Next(5)))]);
        }

        byte[] bytes = new byte[count * type.ElementSize()];
        random.NextBytes(bytes);
        return Tensor.Create<byte>(type, shape, bytes);
    }
}
