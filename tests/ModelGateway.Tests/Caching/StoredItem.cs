namespace ModelGateway.Tests.Caching;

/// <summary>What stands in a store.</summary>
/// <param name="Key">Its key there.</param>
/// <param name="Value">Its bytes.</param>
/// <param name="Expires">Whether it goes by itself.</param>
public sealed record StoredItem(string Key, byte[] Value, bool Expires)
{
    /// <summary>Whether it is a prediction; otherwise an epoch, a claim or a probe.</summary>
    public bool IsPrediction => Key.EndsWith(":v", StringComparison.Ordinal) || Key.Contains(":1:v:", StringComparison.Ordinal);

    /// <summary>Whether it says who runs a prediction.</summary>
    public bool IsClaim => Key.EndsWith(":c", StringComparison.Ordinal) || Key.Contains(":1:c:", StringComparison.Ordinal);
}
