using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// The prediction cache as one loaded version sees it: its rules, its keys, and whether it pays. When the version left the memory, dispose it,
/// or let it rest where the same version will come back.
/// </summary>
public sealed class ServableCache : IDisposable
{
    private readonly PredictionCache _cache;
    private readonly string _digest;
    private readonly string _settings;
    private readonly ModelSignature _signature;
    private readonly string[] _allOutputs;
    private volatile CacheScope _scope;
    private (long Model, long Version, bool IsShared) _epochs;

    internal ServableCache(PredictionCache cache, ServableId id, string digest, string settings, ModelSignature signature, CacheRules rules)
    {
        _cache = cache;
        _digest = digest;
        _settings = settings;
        _signature = signature;
        _allOutputs = [.. signature.Outputs.Select(output => output.Name)];
        Id = id;
        Rules = rules;
        _scope = MakeScope(0, 0, isShared: false);
    }

    /// <summary>Model and version.</summary>
    public ServableId Id { get; }

    /// <summary>What holds for it.</summary>
    public CacheRules Rules { get; }

    /// <summary>Whether looking pays.</summary>
    public CacheEconomy Economy { get; } = new();

    /// <summary>Whether the shared store pays for the rows of batches: a row's share of a run against its share of a trip.</summary>
    public CacheEconomy RowEconomy { get; } = new();

    /// <summary>
    /// A row's share of the trip that asks for all of a batch. Kept for each version, whose batches are mostly alike: it is small where they are large, and says nothing of what a
    /// trip for a single value takes.
    /// </summary>
    internal MeanTrip RowTrip { get; } = new();

    /// <summary>What all its keys have in common; another object after a purge.</summary>
    public CacheScope Scope => _scope;

    /// <summary>The outputs of a request by their names: all of them, in the graph's order, where it asks for none by name.</summary>
    public IReadOnlyList<string> OutputsOf(IReadOnlyList<string>? asked) => asked ?? _allOutputs;

    /// <summary>The key of a request.</summary>
    public PredictionKey KeyOf(CacheScope scope, string? tenant, IReadOnlyList<string>? outputs, IReadOnlyList<NamedTensor> inputs) =>
        _cache.Keys.Write(scope, tenant, OutputsOf(outputs), inputs);

    /// <summary>The key of one row.</summary>
    public PredictionKey KeyOf(CacheScope scope, string? tenant, IReadOnlyList<string>? outputs, IReadOnlyList<TensorRows> inputs, int row) =>
        _cache.Keys.Write(scope, tenant, OutputsOf(outputs), inputs, row);

    /// <summary>An answer that the shared store gave back. False where it is none to what was asked, which is counted: who can write to the store can put anything there.</summary>
    /// <param name="scope">Of the request.</param>
    /// <param name="outputs">What the request asks for; null for all.</param>
    /// <param name="stored">What the store gave.</param>
    /// <param name="now">Another replica's clock may be ahead, and what it made would stay young for too long: nothing was made later than this.</param>
    /// <param name="prediction">The answer.</param>
    internal bool TryRead(CacheScope scope, IReadOnlyList<string>? outputs, SharedValue stored, DateTimeOffset now, [NotNullWhen(true)] out CachedPrediction? prediction)
    {
        DateTimeOffset madeAt = stored.MadeAt > now ? now : stored.MadeAt;
        if (CachedPrediction.TryRead(scope, stored.Payload, madeAt, stored.FreshFor, out prediction) && Fits(OutputsOf(outputs), prediction.Outputs))
        {
            return true;
        }

        prediction = null;
        _cache.Shared?.CountDamaged();
        return false;
    }

    /// <summary>Forgets what this version was remembered with.</summary>
    public void Dispose() => _cache.Close(this);

    /// <summary>Keeps what is remembered for the same version when it is loaded again.</summary>
    public void Rest() => _cache.Rest(this);

    /// <summary>Whether answers of the one are answers of the other: the same version of the same files with the same settings.</summary>
    internal bool IsSameAs(ServableCache other) => Id == other.Id && _digest == other._digest && _settings == other._settings && Rules == other.Rules;

    // Under the cache's gate, with the same epochs: what was kept under the scope of the other is found again.
    internal void TakeOver(ServableCache other) => _scope = other._scope;

    internal bool HasEpochsOf(ServableCache other) => _epochs == other._epochs;

    // Both under the cache's gate.
    internal bool IsOf(long modelEpoch, long versionEpoch, bool isShared) => _epochs == (modelEpoch, versionEpoch, isShared);

    internal void Renew(long modelEpoch, long versionEpoch, bool isShared)
    {
        _epochs = (modelEpoch, versionEpoch, isShared);
        _scope = MakeScope(modelEpoch, versionEpoch, isShared);
    }

    // Not the shapes: what a graph declares of them is not always what it answers.
    private bool Fits(IReadOnlyList<string> names, IReadOnlyList<OutputValue> outputs)
    {
        bool fits = outputs.Count == names.Count;
        for (int i = 0; fits && i < names.Count; i++)
        {
            fits = outputs[i].Name == names[i] && _signature.IndexOfOutput(names[i]) is >= 0 and var index && IsOf(_signature.Outputs[index], outputs[i]);
        }

        return fits;
    }

    private static bool IsOf(OutputSpec spec, OutputValue output) =>
        output.Kind == spec.Kind && output.Labels?.Type == spec.LabelType && output.Tensors.All(tensor => tensor.Type == spec.Values.Type);

    private CacheScope MakeScope(long modelEpoch, long versionEpoch, bool isShared) =>
        new(PredictionKeyWriter.HashScope(Id.Model, Id.Version, _digest, _settings, modelEpoch, versionEpoch), isShared);
}

/// <summary>The rules of one version.</summary>
/// <param name="Refusal">Why nothing of it is remembered, as metrics name it; null where it is.</param>
/// <param name="Ttl">How long an answer is fresh.</param>
/// <param name="StaleFor">How long it may be given after that while a new one is made; zero for not at all.</param>
/// <param name="MaxValueBytes">The largest answer that is remembered.</param>
/// <param name="ByRows">Whether the rows of a batch are remembered one by one.</param>
public sealed record CacheRules(string? Refusal, TimeSpan Ttl, TimeSpan StaleFor, long MaxValueBytes, bool ByRows);
