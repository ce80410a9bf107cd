using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Measuring;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// What one case has running: servers, models, contenders, and the comparisons between them. Everything that it started ends when it is disposed.
/// </summary>
internal sealed class Bench : IAsyncDisposable
{
    // Batched answers and those of another version of ONNX Runtime may differ in the last digits.
    private const float Tolerance = 1e-3f;

    private readonly List<Contender> _contenders = [];
    private readonly List<Comparison> _comparisons = [];
    private readonly Stack<IAsyncDisposable> _running = new();
    private readonly Stack<IDisposable> _folders = new();
    private readonly string _files = Directory.CreateTempSubdirectory("modelgateway-suite-").FullName;

    /// <summary>A gateway over some models; authentication and cache are off where the settings do not say otherwise.</summary>
    /// <param name="models">What it serves.</param>
    /// <param name="settings">More environment variables.</param>
    public async Task<Server> GatewayAsync(IEnumerable<SuiteModel> models, params (string Key, string Value)[] settings)
    {
        var repository = new RepositoryFolder();
        _folders.Push(repository);
        foreach (SuiteModel model in models)
        {
            // Before the version, so that it is never loaded without.
            if (model.Config.Length > 0)
            {
                repository.AddConfig(model.Name, model.Config);
            }

            repository.AddVersion(model.Name, 1, model.Onnx);
        }

        var all = new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",

            // The models are measured, not the memory of their answers.
            ["Gateway__Cache__Enabled"] = "false",
        };
        foreach ((string key, string value) in settings)
        {
            all[key] = value;
        }

        GatewayProcess gateway = GatewayProcess.Start(all);
        _running.Push(gateway);
        await gateway.WaitUntilReadyAsync();
        return new Server(gateway.Client.BaseAddress!, gateway.Id);
    }

    /// <summary>Bare Kestrel, which gives the answer that another server gives to this payload.</summary>
    /// <param name="original">The other server.</param>
    /// <param name="payload">What it will be sent.</param>
    /// <param name="allocations">A name for its <see cref="AllocationProbe"/>, if it is to have one.</param>
    /// <param name="running">A model that it is to run all the same, once a request; null for none.</param>
    public async Task<Server> FloorAsync(Server original, Payload payload, string? allocations = null, SuiteModel? running = null)
    {
        Answer answer = await Answer.AskAsync(original.Address, payload);
        string file = Path.Combine(_files, $"answer-{_running.Count}");
        await File.WriteAllBytesAsync(file, answer.Body);
        string[] more = running is null ? [] : [await LoopContender.WriteRequestAsync(running, await ModelFileAsync(running), _files)];
        return await KeepAsync(ChildServer.StartAsync(
            "dotnet",
            address => [ChildServer.Assembly, running is null ? "floor-server" : "running-floor", address, file, .. more, .. answer.Headers.Select(header => $"{header.Key}: {header.Value}")],
            allocations is null ? [] : AllocationProbe.Environment(allocations),
            allocations));
    }

    /// <summary>A plain C# service.</summary>
    /// <param name="model">The model it serves.</param>
    /// <param name="threads">Threads inside one run; 0 for ONNX Runtime's default.</param>
    public async Task<Server> PlainAsync(SuiteModel model, int threads)
    {
        string file = await ModelFileAsync(model);
        return await KeepAsync(ChildServer.StartAsync("dotnet", address => [ChildServer.Assembly, "plain-server", address, file, model.Output, $"{threads}"], []));
    }

    /// <summary>A Fastify service.</summary>
    /// <param name="model">The model it serves.</param>
    /// <param name="threads">Threads inside one run; 0 for ONNX Runtime's default.</param>
    /// <param name="processes">Processes.</param>
    public async Task<Server> FastifyAsync(SuiteModel model, int threads, int processes) =>
        await KeepAsync(FastifyServer.StartAsync(await ModelFileAsync(model), model.Output, threads, processes));

    /// <summary>A contender: a server under load.</summary>
    public HttpLoad Load(string name, Server server, Payload payload, int connections, TimeSpan pause = default) =>
        Add(new HttpLoad(name, server, payload, connections, pause));

    /// <summary>A contender: a load beside another one on the same server.</summary>
    public LoadBeside LoadBeside(string name, HttpLoad measured, HttpLoad other) => Add(new LoadBeside(name, measured, other));

    /// <summary>A contender: ONNX Runtime alone.</summary>
    public async Task<Contender> LoopAsync(SuiteModel model)
    {
        LoopContender loop = await LoopContender.StartAsync(model, await ModelFileAsync(model), _files);
        _running.Push(loop);
        return Add(loop);
    }

    /// <summary>Holds one contender against another.</summary>
    public void Compare(string title, Contender one, Contender? other, Bar? bar, Figure? figure = null) =>
        _comparisons.Add(new Comparison(title, one, other, bar, figure ?? Figure.Rate));

    /// <summary>Checks that all give the same answer, warms them up, and measures round by round.</summary>
    /// <exception cref="InvalidOperationException">An answer differs, so that there is nothing to compare.</exception>
    public async Task<IReadOnlyList<ComparisonRow>> RunAsync(SuiteOptions options)
    {
        await CheckAnswersAsync();
        foreach (Contender contender in _contenders)
        {
            await contender.MeasureAsync(options.Warmup);
        }

        for (int round = 0; round < options.Rounds; round++)
        {
            // Each round begins with another one: who comes after an idle moment has it a little easier.
            for (int i = 0; i < _contenders.Count; i++)
            {
                Contender contender = _contenders[(round + i) % _contenders.Count];
                contender.Samples.Add(await contender.MeasureAsync(options.Seconds));
            }

            Console.WriteLine($"  round {round + 1}: {string.Join(", ", _contenders.Select(contender => $"{contender.Name} {contender.Samples[^1].PerSecond:#,0}/s"))}");
        }

        return [.. _comparisons.Select(comparison => comparison.ToRow())];
    }

    public async ValueTask DisposeAsync()
    {
        while (_running.TryPop(out IAsyncDisposable? running))
        {
            await running.DisposeAsync();
        }

        while (_folders.TryPop(out IDisposable? folder))
        {
            folder.Dispose();
        }

        Directory.Delete(_files, recursive: true);
    }

    private async Task CheckAnswersAsync()
    {
        (string Name, float[] Values)? first = null;
        foreach (Contender contender in _contenders)
        {
            if (await contender.AnswerAsync() is not { } answer)
            {
                continue;
            }

            first ??= (contender.Name, answer);
            if (!AreSame(first.Value.Values, answer))
            {
                throw new InvalidOperationException($"{contender.Name} does not answer the same as {first.Value.Name}: [{Shown(answer)}] and [{Shown(first.Value.Values)}].");
            }
        }

        static string Shown(float[] values) => string.Join(", ", values.Take(5)) + (values.Length > 5 ? $", ... ({values.Length} numbers)" : "");
    }

    // Written so that NaN is the same as nothing.
    private static bool AreSame(float[] one, float[] other) =>
        one.Length == other.Length && one.Zip(other).All(pair => Math.Abs(pair.First - pair.Second) <= Tolerance * Math.Max(1, Math.Abs(pair.First)));

    private async Task<string> ModelFileAsync(SuiteModel model)
    {
        string file = Path.Combine(_files, $"{model.Name}.onnx");
        await File.WriteAllBytesAsync(file, model.Onnx);
        return file;
    }

    private async Task<Server> KeepAsync(Task<ChildServer> starting)
    {
        ChildServer child = await starting;
        _running.Push(child);
        return child.Server;
    }

    private T Add<T>(T contender)
        where T : Contender
    {
        _contenders.Add(contender);
        return contender;
    }
}
