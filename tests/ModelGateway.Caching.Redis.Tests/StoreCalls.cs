using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>Calls of a store with a deadline that only a hanging one meets.</summary>
internal static class StoreCalls
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static PredictionKey NewKey() => new(RandomNumberGenerator.GetBytes(PredictionKey.Size));

    public static async Task SetAsync(this IPredictionStore store, PredictionKey key, params byte[] value)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await store.SetAsync(key, value, TimeSpan.FromMinutes(10), deadline.Token);
    }

    public static async Task<byte[]?> GetAsync(this IPredictionStore store, PredictionKey key)
    {
        using var deadline = new CancellationTokenSource(Patience);
        using IMemoryOwner<byte>? value = await store.GetAsync(key, deadline.Token);
        return value?.Memory.ToArray();
    }

    public static async Task<long> EpochAsync(this IPredictionStore store, string scope, long ifAbsent)
    {
        using var deadline = new CancellationTokenSource(Patience);
        return (await store.GetEpochsAsync([scope], ifAbsent, deadline.Token))[0]!.Value;
    }

    /// <summary>Waits until it answers and takes writes.</summary>
    public static Task AnswersAsync(this IPredictionStore store) => UntilAsync(async () => await store.ProbeAsync() is null);

    /// <summary>Waits until a probe fails for a reason whose message holds a text, and returns the failure.</summary>
    public static async Task<Exception> FailsAsync(this IPredictionStore store, string expected)
    {
        Exception? failure = null;
        await UntilAsync(async () => (failure = await store.ProbeAsync())?.ToString().Contains(expected, StringComparison.OrdinalIgnoreCase) is true, () => failure);
        return failure!;
    }

    /// <summary>Why a probe fails, or null.</summary>
    public static async Task<Exception?> ProbeAsync(this IPredictionStore store)
    {
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            await store.ProbeAsync(deadline.Token);
            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return exception;
        }
    }

    /// <summary>Waits until something holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds, Func<object?>? last = null)
    {
        for (var waited = Stopwatch.StartNew(); !await holds(); await Task.Delay(10))
        {
            Assert.True(waited.Elapsed < Patience, $"It does not come to hold; last: {last?.Invoke()}");
        }
    }
}
