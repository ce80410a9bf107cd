using System.Diagnostics;
using System.Reflection;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Which sessions a model gets while it serves, and which of them a run takes.</summary>
public sealed class ModelSessionsTests : IDisposable
{
    private const int Rows = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly OnnxOptions TwoThreads = new() { Threads = 2 };
    private readonly LoadedModel _model = new(TestModels.Mlp());
    private readonly List<NamedTensor> _inputs = [new("x", Tensor.Create<float>(TensorType.Fp32, [1, 4], [1, 2, 3, 4]))];
    private int _made;

    public void Dispose()
    {
        _inputs[0].Tensor.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Run_LongAndAlone_GetsASessionOnThePoolThatAnswersBitForBitTheSame()
    {
        using var model = new LoadedModel(TestModels.Convolutions(4), options: TwoThreads);
        byte[] expected = Run(model);

        Assert.True(RunUntil(model, sessions => sessions.HasPooled));
        for (int round = 0; round < 20; round++)
        {
            Assert.Equal(expected, Run(model));
        }
    }

    [Fact]
    public void Run_LongOfAKeptGraph_GetsASessionOfIt()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start(minModelBytes: 0);
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, TestModels.Convolutions(4)));
        using IModelInstance instance = process.Load(artifact);

        // So that it can come from the kept graph alone.
        File.Delete(artifact.ModelFile);

        Assert.True(RunUntil(instance, sessions => sessions.HasPooled));
    }

    [Fact]
    public void Run_Short_NeedsNoOther()
    {
        for (int round = 0; round < 200; round++)
        {
            foreach (OutputValue output in _model.Instance.Run(_inputs, null, CancellationToken.None))
            {
                output.Dispose();
            }
        }

        Assert.Equal((1, false), (SessionsOf(_model.Instance).OwnCount, SessionsOf(_model.Instance).HasPooled));
    }

    [Theory]
    [InlineData("threads: 1")]
    [InlineData("threads: 2")]
    public void Run_ThreadsAreSet_KeepsItsOneSession(string config)
    {
        using var model = new LoadedModel(TestModels.Convolutions(4), config, TwoThreads);

        Assert.False(RunFor(model));
    }

    [Fact]
    public void Run_LargeAndNoGraphIsKept_KeepsItsOneSession()
    {
        using var model = new LoadedModel(TestModels.LargeWeights(2 << 20), options: TwoThreads);
        using Tensor x = TensorFiller.Fill(TensorType.Fp32, [4_000, TestModels.LargeWeightsInputSize], WarmupFill.One);
        for (int round = 0; round < 10; round++)
        {
            model.Instance.Run([new NamedTensor("x", x)], null, CancellationToken.None)[0].Dispose();
        }

        Assert.False(SessionsOf(model.Instance).HasPooled);
    }

    [Fact]
    public void Run_FurtherSessionCannotBeMade_GoesOnAndIsCountedOnce()
    {
        var metrics = new ServingMetrics(Metrics.NewCustomRegistry());
        using var model = new LoadedModel(TestModels.Convolutions(4), options: TwoThreads, metrics: metrics);
        File.Delete(Path.Combine(model.Folder, ModelArtifact.ModelFileName));

        Assert.True(RunUntil(model, _ => metrics.FurtherSessionsFailed.Value > 0));
        Assert.False(RunFor(model));
        Assert.Equal(1, metrics.FurtherSessionsFailed.Value);
    }

    [Fact]
    public void Begin_BesideAnotherRun_TakesTheSessionOfItsOwnThread()
    {
        using ModelSessions sessions = Create(threads: 2);
        ModelSession own = Hold(sessions, isDone: true);
        Assert.True(SpinWait.SpinUntil(() => sessions.HasPooled, Patience));

        // The first try.
        SessionTurn alone = sessions.Begin(_inputs);
        SessionTurn beside = sessions.Begin(_inputs);

        Assert.NotSame(own, alone.Session);
        Assert.Same(own, beside.Session);
        sessions.End(alone, isDone: true);
        sessions.End(beside, isDone: true);
    }

    [Fact]
    public void End_RunFailed_TeachesNothing()
    {
        using ModelSessions sessions = Create(threads: 2);
        Hold(sessions, isDone: false);
        Hold(sessions, isDone: false);

        Assert.False(SpinWait.SpinUntil(() => _made > 0, TimeSpan.FromMilliseconds(50)));
    }

    [Fact]
    public void Begin_OneThreadInThePool_MakesNoOther()
    {
        using ModelSessions sessions = Create(threads: 1);
        Hold(sessions, isDone: true);
        Hold(sessions, isDone: true);

        Assert.False(SpinWait.SpinUntil(() => _made > 0, TimeSpan.FromMilliseconds(50)));
    }

    [Fact]
    public void Dispose_WhileAnotherIsMade_DisposesThatToo()
    {
        using var making = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        InferenceSession? made = null;
        using var ended = new ManualResetEventSlim();
        ModelSessions sessions = Create(threads: 2, stop =>
        {
            making.Set();
            go.Wait(Patience, CancellationToken.None);
            ended.Set();
            Assert.True(stop.IsCancellationRequested);
            return made = Session();
        });
        Hold(sessions, isDone: true);
        Assert.True(making.Wait(Patience));

        sessions.Dispose();
        go.Set();

        Assert.True(ended.Wait(Patience));
        Assert.True(SpinWait.SpinUntil(() => made is not null && IsDisposed(made), Patience));
        Assert.False(sessions.HasPooled);
    }

    private ModelSessions Create(int threads, Func<CancellationToken, InferenceSession>? make = null) =>
        new(Session(), _model.Signature, new RunsUnderWay(), threads, new FurtherSessions(IsTiny: false, (isPooled, stop) => Make(isPooled, make, stop), exception => Assert.Fail(exception.Message)));

    private InferenceSession Make(bool isPooled, Func<CancellationToken, InferenceSession>? make, CancellationToken stop)
    {
        Assert.True(isPooled);
        Interlocked.Increment(ref _made);
        return make is null ? Session() : make(stop);
    }

    private InferenceSession Session() => new(Path.Combine(_model.Folder, ModelArtifact.ModelFileName));

    // A run of five milliseconds.
    private ModelSession Hold(ModelSessions sessions, bool isDone)
    {
        SessionTurn turn = sessions.Begin(_inputs);
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromMilliseconds(5))
        {
            Thread.SpinWait(100);
        }

        sessions.End(turn, isDone);
        return turn.Session;
    }

    // It does not tell, and using it would end the process.
    private static bool IsDisposed(InferenceSession session) =>
        (bool)typeof(InferenceSession).GetField("_disposed", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(session)!;

    private static ModelSessions SessionsOf(IModelInstance instance) => ((OnnxModelInstance)instance).Sessions;

    private static byte[] Run(LoadedModel model) => Run(model.Instance);

    private static byte[] Run(IModelInstance instance)
    {
        using Tensor x = TensorFiller.Fill(TensorType.Fp32, [Rows, 1, 32, 32], WarmupFill.Random);
        IReadOnlyList<OutputValue> outputs = instance.Run([new NamedTensor("x", x)], null, CancellationToken.None);
        byte[] answer = outputs[0].Values.Data.ToArray();
        outputs[0].Dispose();
        return answer;
    }

    private static bool RunUntil(LoadedModel model, Func<ModelSessions, bool> condition) => RunUntil(model.Instance, condition);

    private static bool RunUntil(IModelInstance instance, Func<ModelSessions, bool> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition(SessionsOf(instance)) && Stopwatch.GetElapsedTime(started) < Patience)
        {
            Run(instance);
        }

        return condition(SessionsOf(instance));
    }

    // Longer than it takes elsewhere.
    private static bool RunFor(LoadedModel model)
    {
        for (int round = 0; round < 20; round++)
        {
            Run(model);
        }

        return SessionsOf(model.Instance).HasPooled;
    }
}
