using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>A store and two gateways that share it, for all tests of a class. A test asks for numbers that no other asks for.</summary>
public abstract class StoreFixture : IAsyncLifetime
{
    /// <summary>Turns of the model <c>slow</c>: far more time than a trip to the store, on a busy machine too.</summary>
    public const int Turns = 20_000;

    private StoreReplica? _one;
    private StoreReplica? _other;

    /// <summary>What <c>Cache-Status</c> calls the store.</summary>
    public abstract string StoreName { get; }

    /// <summary>The setting of the prefix, without its <c>Gateway__</c>.</summary>
    public abstract string PrefixSetting { get; }

    public RepositoryFolder Repository { get; } = new();

    internal StoreReplica One => _one!;

    internal StoreReplica Other => _other!;

    /// <summary>The settings that lead to the store.</summary>
    protected abstract (string Key, string Value)[] Settings { get; }

    public async Task InitializeAsync()
    {
        foreach (string model in new[] { "slow", "purged", "renewed" })
        {
            Repository.AddVersion(model, 1, TestModels.Slow(Turns));
        }

        await StartServerAsync();
        StoreReplica[] replicas = await Task.WhenAll(StartReplicaAsync(), StartReplicaAsync());
        (_one, _other) = (replicas[0], replicas[1]);
    }

    public async Task DisposeAsync()
    {
        if (_one is not null)
        {
            await _one.DisposeAsync();
        }

        if (_other is not null)
        {
            await _other.DisposeAsync();
        }

        await StopServerAsync();
        Repository.Dispose();
    }

    /// <summary>All that is in the store.</summary>
    public abstract Task<IReadOnlyList<StoredItem>> ReadAllAsync();

    /// <summary>The predictions below a prefix.</summary>
    public async Task<List<StoredItem>> ReadPredictionsAsync(string prefix) =>
        [.. (await ReadAllAsync()).Where(item => item.IsPrediction && item.Key.StartsWith($"{prefix}:", StringComparison.Ordinal))];

    /// <summary>A gateway more, which uses the store when this returns.</summary>
    internal Task<StoreReplica> StartReplicaAsync(params (string Key, string Value)[] settings) => StartReplicaAsync(Repository, settings);

    internal async Task<StoreReplica> StartReplicaAsync(RepositoryFolder repository, params (string Key, string Value)[] settings)
    {
        // Not about timeouts: on a busy machine too, what is in the store is found.
        StoreReplica replica = await StoreReplica.StartAsync(repository, [.. Settings, ("Cache__StoreTimeout", "00:00:05"), .. settings]);
        try
        {
            foreach (string model in Directory.EnumerateDirectories(repository.Root))
            {
                await replica.UntilSharedAsync(Path.GetFileName(model));
            }

            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    protected abstract Task StartServerAsync();

    protected abstract ValueTask StopServerAsync();
}
