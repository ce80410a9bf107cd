using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>What may stand at a key: said once, for the reader's messages, the JSON Schema and the table in the docs.</summary>
internal abstract class ConfigType
{
    /// <summary>For people, with an article: fits after "expects" and into the table.</summary>
    public abstract string Text { get; }

    /// <summary>The keys below, with the way to them: <c>.timeout</c>, <c>[].count</c>.</summary>
    public virtual IEnumerable<ConfigRow> Below => [];

    /// <summary>A new object at each call, since a JSON node has one parent. It accepts at least what the reader accepts.</summary>
    public abstract JsonObject Schema();
}

/// <summary>Reads and writes the values of one type.</summary>
internal abstract class ConfigType<T> : ConfigType
    where T : notnull
{
    /// <summary>False if it has reported an error.</summary>
    public abstract bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out T value);

    /// <summary>The one canonical spelling among those that are read as this value.</summary>
    public abstract JsonNode Write(T value);
}

/// <summary>One line of the table in the docs.</summary>
/// <param name="Path">The way from the file's root.</param>
/// <param name="Key">The key at its end.</param>
/// <param name="Default">What holds without the key, as it would be written; null where nothing that one could write does.</param>
internal sealed record ConfigRow(string Path, ConfigKey Key, JsonNode? Default);
