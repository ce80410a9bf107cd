namespace ModelGateway.Serving.Models;

/// <summary>Collects the faults of one request, up to a bound: a hostile body must not buy a long answer.</summary>
public sealed class FaultList
{
    /// <summary>Faults kept; further ones are only counted.</summary>
    public const int Capacity = 32;

    // Made with the first fault: most requests have none.
    private List<RequestFault>? _faults;
    private int _dropped;

    /// <summary>No fault so far.</summary>
    public bool IsEmpty => _faults is null;

    /// <summary>Further faults are only counted: making sentences for them would be work that nobody reads.</summary>
    public bool IsFull => _faults?.Count == Capacity;

    /// <summary>Faults kept so far.</summary>
    public IReadOnlyList<RequestFault> Faults => _faults is { } faults ? faults : Array.Empty<RequestFault>();

    /// <summary>Adds a fault; of a very long target only the start is kept.</summary>
    public void Add(string? target, string message, string? expected = null, string? got = null)
    {
        if (!IsFull)
        {
            (_faults ??= []).Add(new RequestFault(target is null ? null : NameSuggestion.Shorten(target), message) { Expected = expected, Got = got });
        }
        else
        {
            _dropped++;
        }
    }

    /// <summary>The faults as one error.</summary>
    public PredictError ToError()
    {
        string message = Faults.Count == 1 ? Faults[0].Message : string.Join(" ", Faults.Select(fault => fault.Message));
        string more = _dropped == 0 ? "" : $" And {_dropped} more.";
        return new PredictError(PredictErrorKind.InvalidRequest, message + more) { Faults = [.. Faults] };
    }
}
