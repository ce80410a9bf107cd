namespace ModelGateway.Serving.Models.Configuration;

/// <summary>Collects errors up to a bound: a file that is wrong throughout must not fill the log.</summary>
internal sealed class ConfigErrors
{
    private const int Capacity = 100;

    private readonly List<ModelConfigError> _errors = [];
    private int _dropped;

    public bool IsEmpty => _errors.Count == 0;

    /// <summary>Further errors are only counted, so nobody needs to word them well.</summary>
    public bool IsFull => _errors.Count == Capacity;

    public void Add(int line, string path, string message)
    {
        if (!IsFull)
        {
            _errors.Add(new ModelConfigError(line, path, message));
        }
        else
        {
            _dropped++;
        }
    }

    /// <summary>By line; keys of one line stay in their order.</summary>
    public List<ModelConfigError> ToList()
    {
        List<ModelConfigError> sorted = [.. _errors.OrderBy(error => error.Line)];
        if (_dropped > 0)
        {
            sorted.Add(new ModelConfigError(sorted[^1].Line, "", $"and {_dropped} more errors"));
        }

        return sorted;
    }
}
