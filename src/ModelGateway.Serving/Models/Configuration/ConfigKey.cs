using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>One key of a map with fixed keys.</summary>
internal abstract class ConfigKey(string name)
{
    public string Name { get; } = name;

    /// <summary>One or two sentences for the schema and the docs; without backticks, since editors show them as they are.</summary>
    public required string Description { get; init; }

    /// <summary>What holds without the key, where no value that one could write stands for it.</summary>
    public string? WhenUnset { get; init; }

    /// <summary>The map makes no sense without it.</summary>
    public bool Required { get; init; }

    /// <summary>A change takes effect on what is loaded already, so it is no part of the load fingerprint.</summary>
    public bool IsLive { get; init; }

    public abstract ConfigType Type { get; }
}

/// <summary>A key that sets something in <typeparamref name="TOwner"/>, an immutable record.</summary>
internal abstract class ConfigKey<TOwner>(string name) : ConfigKey(name)
{
    /// <summary>Puts the value into the owner; false if it has reported an error instead.</summary>
    public abstract bool TryRead(ConfigCursor at, ref TOwner owner);

    /// <summary>The owner's value as it would be written; null if it has none.</summary>
    public abstract JsonNode? Write(TOwner owner);
}

/// <summary>A key whose property is a number, a switch or another value type; null means that it is not set.</summary>
internal sealed class ValueKey<TOwner, T>(string name, ConfigType<T> type, Func<TOwner, T?> get, Func<TOwner, T, TOwner> set) : ConfigKey<TOwner>(name)
    where T : struct
{
    public override ConfigType Type => type;

    public override bool TryRead(ConfigCursor at, ref TOwner owner)
    {
        bool good = type.TryRead(at, out T value);
        owner = good ? set(owner, value) : owner;
        return good;
    }

    public override JsonNode? Write(TOwner owner) => get(owner) is { } value ? type.Write(value) : null;
}

/// <summary>A key whose property is an object; null means that it is not set.</summary>
internal sealed class ReferenceKey<TOwner, T>(string name, ConfigType<T> type, Func<TOwner, T?> get, Func<TOwner, T, TOwner> set) : ConfigKey<TOwner>(name)
    where T : class
{
    public override ConfigType Type => type;

    public override bool TryRead(ConfigCursor at, ref TOwner owner)
    {
        bool good = type.TryRead(at, out T? value);
        owner = value is null ? owner : set(owner, value);
        return good;
    }

    public override JsonNode? Write(TOwner owner) => get(owner) is { } value ? type.Write(value) : null;
}
