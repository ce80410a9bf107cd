using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A whole number with a unit: a size or a duration.</summary>
internal sealed class QuantityType : ConfigType<long>
{
    private readonly IReadOnlyDictionary<string, long> _units;
    private readonly string? _bareUnit;
    private readonly string _pattern;
    private readonly Regex _regex;
    private readonly long _min;
    private readonly long _max;

    private QuantityType(string text, IReadOnlyDictionary<string, long> units, string? bareUnit, long min, long max)
    {
        Text = text;
        _units = units;
        _bareUnit = bareUnit;
        _pattern = $"([0-9]{{1,12}}) ?({string.Join('|', units.Keys)})";
        _regex = new Regex($@"^{_pattern}\z", RegexOptions.CultureInvariant);
        _min = min;
        _max = max;
    }

    /// <summary>In bytes; a bare number is bytes.</summary>
    public static QuantityType Size { get; } = new(
        "a number of bytes or a size such as 64MiB, from 1KiB to 1GiB",
        new Dictionary<string, long>
        {
            ["B"] = 1,
            ["KiB"] = 1 << 10,
            ["MiB"] = 1 << 20,
            ["GiB"] = 1 << 30,
            ["kB"] = 1_000,
            ["KB"] = 1_000,
            ["MB"] = 1_000_000,
            ["GB"] = 1_000_000_000,
        },
        "B",
        1 << 10,
        1 << 30);

    /// <summary>In milliseconds; a bare number is refused, since half the world's settings count in seconds.</summary>
    public static QuantityType Duration { get; } = new(
        "a duration such as 500ms, 30s or 2m, from 1ms to 1h",
        new Dictionary<string, long> { ["ms"] = 1, ["s"] = 1_000, ["m"] = 60_000, ["h"] = 3_600_000 },
        null,
        1,
        3_600_000);

    /// <summary>In milliseconds, short; a bare number is refused.</summary>
    public static QuantityType Delay { get; } = new(
        "a duration such as 2ms, from 0ms to 1s",
        new Dictionary<string, long> { ["ms"] = 1, ["s"] = 1_000 },
        null,
        0,
        1_000);

    /// <summary>In seconds, for what is kept; a bare number is refused.</summary>
    public static QuantityType Lifetime { get; } = LifetimeFrom(1);

    /// <summary>In seconds, and 0s for none; a bare number is refused.</summary>
    public static QuantityType LifetimeOrNone { get; } = LifetimeFrom(0);

    public override string Text { get; }

    public override JsonObject Schema()
    {
        var text = new JsonObject { ["type"] = "string", ["pattern"] = $"^{_pattern}$" };
        return _bareUnit is null ? text : new JsonObject
        {
            ["anyOf"] = new JsonArray(new IntegerType(_min, _max).Schema(), text),
        };
    }

    public override bool TryRead(ConfigCursor at, out long value)
    {
        value = 0;
        return (at.Node is ConfigNode.Scalar scalar && TryParse(scalar, out value) && value >= _min && value <= _max) || at.Expects(Text);
    }

    public override JsonNode Write(long value) =>
        _bareUnit is null ? string.Create(CultureInfo.InvariantCulture, $"{value}{_units.First(unit => unit.Value == 1).Key}") : value;

    private static QuantityType LifetimeFrom(long seconds) => new(
        $"a duration such as 30s, 10m, 12h or 7d, from {seconds}s to 30d",
        new Dictionary<string, long> { ["s"] = 1, ["m"] = 60, ["h"] = 3_600, ["d"] = 86_400 },
        null,
        seconds,
        30 * 86_400);

    private bool TryParse(ConfigNode.Scalar scalar, out long value)
    {
        if (_bareUnit is not null && scalar.IsPlain && long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value))
        {
            return true;
        }

        Match match = _regex.Match(scalar.Text);
        value = match.Success
            ? long.CreateSaturating(Int128.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * _units[match.Groups[2].Value])
            : 0;
        return match.Success;
    }
}
