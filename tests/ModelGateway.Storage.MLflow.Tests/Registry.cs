using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>A tracking server and the store over it, with what the store logs and asks.</summary>
internal sealed class Registry : IAsyncDisposable
{
    private readonly LogCollector _logs = new();
    private readonly List<IDisposable> _stores = [];

    private Registry(MlflowServer server, StoreHarness harness)
    {
        Server = server;
        Harness = harness;
    }

    public MlflowServer Server { get; }

    public StoreHarness Harness { get; }

    /// <summary>What operators read, in its order.</summary>
    public IReadOnlyList<string> Logged => [.. _logs.Lines];

    public static async Task<Registry> StartAsync(params (string Key, string? Value)[] settings) => new(await MlflowServer.StartAsync(), new StoreHarness(settings));

    /// <summary>The store over the server's repository.</summary>
    /// <param name="query">The URI's query, with its question mark.</param>
    /// <param name="time">The store's clock; null for the real one.</param>
    public IObjectStore Open(string query = "", TimeProvider? time = null)
    {
        var provider = new MLflowObjectStoreProvider(static _ => null);
        var location = new Uri(Server.Repository + query);
        Assert.Empty(provider.FindFaults(location, Harness.Settings));
        IObjectStore store = provider.Open(location, Harness.Context with { Loggers = _logs, Time = time ?? TimeProvider.System });
        _stores.Add((IDisposable)store);
        return store;
    }

    public async ValueTask DisposeAsync()
    {
        _stores.ForEach(store => store.Dispose());
        await Server.DisposeAsync();
    }

    private sealed class LogCollector : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}

internal static class StoreReading
{
    /// <summary>The keys in their order.</summary>
    public static async Task<string[]> KeysAsync(this IObjectStore store) =>
        [.. (await store.ListAsync(null, CancellationToken.None))!.Objects.Select(item => item.Key).Order(StringComparer.Ordinal)];

    public static async Task<StoredObject> FindListedAsync(this IObjectStore store, string key) =>
        (await store.ListAsync(null, CancellationToken.None))!.Objects.Single(item => item.Key == key);

    public static async Task<byte[]> ReadAsync(this IObjectStore store, StoredObject item)
    {
        using var content = new MemoryStream();
        await store.CopyToAsync(item, content, CancellationToken.None);
        return content.ToArray();
    }

    public static async Task<byte[]> ReadAsync(this IObjectStore store, string key) => await store.ReadAsync(await store.FindListedAsync(key));

    /// <summary>The model's <c>model.yaml</c>, read as the gateway reads it.</summary>
    public static async Task<ModelConfig> ConfigAsync(this IObjectStore store, string model)
    {
        ModelConfigResult result = ModelConfigReader.Read(Encoding.UTF8.GetString(await store.ReadAsync($"{model}/model.yaml")));
        Assert.Null(result.Reason);
        return result.Config!;
    }
}
