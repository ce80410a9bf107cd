using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>The rows of one batch, and for each what is known of its answer.</summary>
internal sealed class RowAnswers(RowBatch batch, PredictionKey[] keys)
{
    private readonly CachedPrediction?[] _found = new CachedPrediction?[keys.Length];

    // For keys that several rows without an answer have, all rows but the first; null where there are none.
    private Dictionary<PredictionKey, List<int>>? _equal;

    public RowBatch Batch { get; } = batch;

    public IReadOnlyList<PredictionKey> Keys { get; } = keys;

    /// <summary>Rows without an answer.</summary>
    public int Missing { get; private set; } = keys.Length;

    /// <summary>Those that were run are remembered, all of them.</summary>
    public bool AreKept { get; set; } = true;

    /// <summary>The answer of a row, with a first dimension of 1; null while there is none.</summary>
    public CachedPrediction? this[int row]
    {
        get => _found[row];
        set
        {
            Missing += (_found[row] is null ? 0 : 1) - (value is null ? 0 : 1);
            _found[row] = value;
        }
    }

    /// <summary>Gives a row its answer, and with it all rows that are equal.</summary>
    public void Give(int row, CachedPrediction prediction)
    {
        this[row] = prediction;
        foreach (int equal in _equal?.GetValueOrDefault(Keys[row]) ?? [])
        {
            this[equal] = prediction;
        }
    }

    /// <summary>Takes all answers back.</summary>
    public void Clear()
    {
        Array.Clear(_found);
        Missing = _found.Length;
    }

    /// <summary>The rows without an answer, each key once: equal rows are run once.</summary>
    public List<int> FindMissing()
    {
        var rows = new List<int>(Missing);
        var seen = new HashSet<PredictionKey>(Missing);
        _equal = null;
        for (int row = 0; row < _found.Length; row++)
        {
            if (_found[row] is not null)
            {
                continue;
            }

            if (seen.Add(Keys[row]))
            {
                rows.Add(row);
                continue;
            }

            _equal ??= [];
            if (!_equal.TryGetValue(Keys[row], out List<int>? equal))
            {
                _equal.Add(Keys[row], equal = []);
            }

            equal.Add(row);
        }

        return rows;
    }

    /// <summary>The answer of the batch, in its order. False where the rows do not fit together: then only a run of all can tell.</summary>
    public bool TryAssemble([NotNullWhen(true)] out FlightLanding? landing, PredictTimings timings = default, int rowsRun = 0)
    {
        landing = null;
        CachedPrediction first = _found[0]!;
        var outputs = new List<OutputValue>(first.Outputs.Count);
        for (int output = 0; output < first.Outputs.Count; output++)
        {
            if (TryJoin(output) is not { } joined)
            {
                return false;
            }

            outputs.Add(OutputValue.FromTensor(first.Outputs[output].Name, joined));
        }

        landing = FlightLanding.OfRows(outputs, Freshness(), timings, rowsRun, AreKept);
        return true;
    }

    private Tensor? TryJoin(int output)
    {
        Tensor first = _found[0]!.Outputs[output].Values;
        long length = 0;
        foreach (CachedPrediction? row in _found)
        {
            OutputValue value = row!.Outputs[output];
            if (value.Kind != OutputKind.Tensor || value.Values.Type != first.Type || value.Values.Shape is not [1, ..] || !value.Values.Shape.AsSpan().SequenceEqual(first.Shape))
            {
                return null;
            }

            length += value.Values.Data.Length;
        }

        if (length > Array.MaxLength)
        {
            return null;
        }

        // Not pooled: callers of one flight share it.
        byte[] joined = new byte[length];
        int used = 0;
        foreach (CachedPrediction? row in _found)
        {
            ReadOnlySpan<byte> data = row!.Outputs[output].Values.Data;
            data.CopyTo(joined.AsSpan(used));
            used += data.Length;
        }

        return new Tensor(first.Type, [_found.Length, .. first.Shape.AsSpan(1)], TensorBuffer.View(joined, 0, joined.Length));
    }

    private Freshness Freshness()
    {
        DateTimeOffset madeAt = DateTimeOffset.MaxValue;
        DateTimeOffset until = DateTimeOffset.MaxValue;
        foreach (CachedPrediction? row in _found)
        {
            madeAt = row!.MadeAt < madeAt ? row.MadeAt : madeAt;
            until = row.MadeAt + row.FreshFor < until ? row.MadeAt + row.FreshFor : until;
        }

        return new Freshness(_found[0]!.Scope, madeAt, until - madeAt);
    }
}
