using System.Collections.Concurrent;
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
    private const int Rows = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly OnnxOptions TwoThreads = new() { Threads = 2 };
    private readonly LoadedModel _model = new(TestModels.Mlp());
    private readonly List<NamedTensor> _inputs = [new("x", Tensor.Create<float>(TensorType.Fp32, [1, 4], [1, 2, 3, 4]))];
    private readonly ConcurrentBag<Exception> _failures = [];
    private int _made;

    public void Dispose()
    {
        _inputs[0].Tensor.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Run_ManyLongAtATime_GetsASessionWithoutThePoolThatAnswersAlike()
    {
        using var model = new LoadedModel(TestModels.Convolutions(4), options: TwoThreads);
        byte[] expected = Run(model);

        Assert.True(RunUntil(model, sessions => sessions.HasOwn));
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

        Assert.True(RunUntil(instance, sessions => sessions.HasOwn));
    }

    [Fact]
    public void Run_TinyAndShort_NeedsNoOther()
    {
        for (int round = 0; round < 200; round++)
        {
            foreach (OutputValue output in _model.Instance.Run(_inputs, null, CancellationToken.None))
            {
                output.Dispose();
            }
        }

        Assert.True(SessionMaker.WaitUntilDone(Patience));
        Assert.Equal((1, false), (SessionsOf(_model.Instance).FirstCount, SessionsOf(_model.Instance).HasOwn));
    }

    [Theory]
    [InlineData("threads: 1")]
    [InlineData("threads: 2")]
    [InlineData("memory_arena: true")]
    public void Run_ThreadsAreSetOrAnArena_KeepsItsOneSession(string config)
    {
        using var model = new LoadedModel(TestModels.Convolutions(4), config, TwoThreads);

        Assert.False(RunFor(model));
    }

    [Fact]
    public void Run_ShortOfAModelThatIsNotTiny_TakesTheSessionWithoutThePool()
    {
        using var model = new LoadedModel(TestModels.LargeWeights(1 << 18), options: TwoThreads);
        ModelSessions sessions = SessionsOf(model.Instance);
        using Tensor x = TensorFiller.Fill(TensorType.Fp32, [1, TestModels.LargeWeightsInputSize], WarmupFill.One);
        NamedTensor[] inputs = [new("x", x)];
        ModelSession first = sessions.Begin(inputs).Session;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                model.Instance.Run(inputs, null, CancellationToken.None)[0].Dispose();
                return sessions.HasOwn;
            },
            Patience));

        for (int i = 0; i < 20; i++)
        {
            SessionTurn turn = sessions.Begin(inputs);
            Assert.NotSame(first, turn.Session);
            sessions.End(turn, isDone: true);
        }
    }

    [Fact]
    public void Run_NoOtherMayBeMade_ShortRunsAreKnownAllTheSame()
    {
        using var model = new LoadedModel(TestModels.Mlp(), "threads: 1", TwoThreads);
        for (int round = 0; round < 100; round++)
        {
            model.Instance.Run(_inputs, null, CancellationToken.None)[0].Dispose();
        }

        // Not counted, but for one in a millisecond.
        Assert.True(SpinWait.SpinUntil(() => SessionsOf(model.Instance).Begin(_inputs).Began == 0, Patience));
    }

    [Fact]
    public void Run_GraphThatHoldsItsTreesItself_KeepsItsOneSession()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start(minModelBytes: 0);

        // Of weights below 64 KiB, which stay in the graph.
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, ManySmallWeights()));
        using IModelInstance instance = process.Load(artifact);
        using Tensor x = TensorFiller.Fill(TensorType.Fp32, [100, 100], WarmupFill.One);
        Parallel.For(0, 2, _ =>
        {
            for (int round = 0; round < 40; round++)
            {
                instance.Run([new NamedTensor("x", x)], null, CancellationToken.None)[0].Dispose();
            }
        });

        Assert.True(SessionMaker.WaitUntilDone(Patience));
        Assert.False(SessionsOf(instance).HasOwn);
    }

    [Fact]
    public void Run_LargeAndNoGraphIsKept_KeepsItsOneSession()
    {
        using var model = new LoadedModel(TestModels.LargeWeights(2 << 20), options: TwoThreads);
        using Tensor x = TensorFiller.Fill(TensorType.Fp32, [500, TestModels.LargeWeightsInputSize], WarmupFill.One);
        Parallel.For(0, 2, _ =>
        {
            for (int round = 0; round < 40; round++)
            {
                model.Instance.Run([new NamedTensor("x", x)], null, CancellationToken.None)[0].Dispose();
            }
        });
        Assert.True(SessionMaker.WaitUntilDone(Patience));

        Assert.False(SessionsOf(model.Instance).HasOwn);
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
    public void Begin_BesideAnotherRun_TakesTheSessionWithoutThePool()
    {
        using ModelSessions sessions = Create(threads: 2);
        ModelSession pooled = Crowd(sessions, isDone: true);
        Assert.True(SpinWait.SpinUntil(() => sessions.HasOwn, Patience));

        SessionTurn alone = sessions.Begin(_inputs);
        SessionTurn beside = sessions.Begin(_inputs);

        Assert.Same(pooled, alone.Session);
        Assert.NotSame(pooled, beside.Session);
        sessions.End(alone, isDone: true);
        sessions.End(beside, isDone: true);
        Assert.Equal(1, _made);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void End_RunsFailedOrOneThreadInThePool_MakesNoOther(int threads, bool isDone)
    {
        using ModelSessions sessions = Create(threads);
        Crowd(sessions, isDone);

        Assert.True(SessionMaker.WaitUntilDone(Patience));
        Assert.Equal(0, _made);
    }

    [Fact]
    public void Dispose_WhileAnotherIsMade_DisposesThatToo()
    {
        using var making = new ManualResetEventSlim();
        InferenceSession? made = null;
        ModelSessions sessions = Create(threads: 2, stop =>
        {
            making.Set();
            Assert.True(stop.WaitHandle.WaitOne(Patience));
            return made = Session();
        });
        Crowd(sessions, isDone: true);
        Assert.True(making.Wait(Patience));

        sessions.Dispose();

        // As the runtime does at the end.
        Assert.True(SessionMaker.WaitUntilDone(Patience));
        Assert.NotNull(made);
        Assert.True(IsDisposed(made));
        Assert.False(sessions.HasOwn);
        Assert.Empty(_failures);
    }

    [Fact]
    public void Dispose_BeforeAnotherIsMade_MakesNone()
    {
        using var isBusy = new ManualResetEventSlim();
        SessionMaker.Start();
        SessionMaker.Post(() => isBusy.Wait(Patience));
        ModelSessions sessions = Create(threads: 2);
        Crowd(sessions, isDone: true);

        sessions.Dispose();
        isBusy.Set();

        Assert.True(SessionMaker.WaitUntilDone(Patience));
        Assert.Equal(0, _made);
        Assert.Empty(_failures);
    }

    [Fact]
    public void Post_MakingThrows_TheNextIsMade()
    {
        SessionMaker.Start();

        SessionMaker.Post(() => throw new InvalidOperationException("no"));

        Assert.True(SessionMaker.WaitUntilDone(Patience));
    }

    private ModelSessions Create(int threads, Func<CancellationToken, InferenceSession>? make = null)
    {
        SessionMaker.Start();
        return new ModelSessions(Session(), _model.Signature, new RunsUnderWay(), threads, new FurtherSessions(IsTiny: false, MayHaveOwn: true, Make, _failures.Add));

        InferenceSession Make(bool isPooled, CancellationToken stop)
        {
            Interlocked.Increment(ref _made);
            return isPooled ? throw new InvalidOperationException("It was to use no pool.") : make is null ? Session() : make(stop);
        }
    }

    private InferenceSession Session() => new(Path.Combine(_model.Folder, ModelArtifact.ModelFileName));

    // Pairs of runs of some milliseconds.
    private ModelSession Crowd(ModelSessions sessions, bool isDone)
    {
        ModelSession? last = null;
        for (int pair = 0; pair < 20; pair++)
        {
            SessionTurn one = sessions.Begin(_inputs);
            SessionTurn two = sessions.Begin(_inputs);
            long started = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromMilliseconds(3))
            {
                Thread.SpinWait(100);
            }

            sessions.End(one, isDone);
            sessions.End(two, isDone);
            last = one.Session;
        }

        return last!;
    }

    private static byte[] ManySmallWeights()
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 100).Output("y", OnnxElementType.Float, "batch", 100);
        const int Products = 150;
        for (int i = 0; i < Products; i++)
        {
            graph.Initializer($"w{i}", OnnxTensor.From([100, 100], [.. Enumerable.Range(0, 10_000).Select(k => (k + i) % 7 * 0.01f)]))
                .Node("MatMul", [i == 0 ? "x" : $"m{i}", $"w{i}"], [i == Products - 1 ? "y" : $"m{i + 1}"]);
        }

        return graph.Build();
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

    // From two threads, so that there are more than one has cores for.
    private static bool RunUntil(IModelInstance instance, Func<ModelSessions, bool> condition)
    {
        long started = Stopwatch.GetTimestamp();
        Parallel.For(0, 2, _ =>
        {
            while (!condition(SessionsOf(instance)) && Stopwatch.GetElapsedTime(started) < Patience)
            {
                Run(instance);
            }
        });
        return condition(SessionsOf(instance));
    }

    // Longer than it takes elsewhere.
    private static bool RunFor(LoadedModel model)
    {
        Parallel.For(0, 2, _ =>
        {
            for (int round = 0; round < 40; round++)
            {
                Run(model);
            }
        });
        Assert.True(SessionMaker.WaitUntilDone(Patience));
        return SessionsOf(model.Instance).HasOwn;
    }
}
