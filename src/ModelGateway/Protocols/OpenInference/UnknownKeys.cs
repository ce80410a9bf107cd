using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// The keys of one JSON object that the protocol does not know. They are passed over, since clients send more than the protocol
/// says; but where a key is missing, one of these may be its misspelling.
/// </summary>
internal struct UnknownKeys
{
    private const int MostKept = 4;
    private List<string>? _keys;

    public void Add(in JsonName key)
    {
        _keys ??= [];
        if (_keys.Count < MostKept)
        {
            _keys.Add(key.ToString());
        }
    }

    /// <summary>With a leading space: that there is a key close to <paramref name="missing"/>; or an empty string.</summary>
    public readonly string Suggest(string missing)
    {
        foreach (string key in _keys ?? [])
        {
            if (NameSuggestion.For(key, [missing]).Length > 0)
            {
                return $" It has a key '{key}'; did you mean '{missing}'?";
            }
        }

        return "";
    }
}
