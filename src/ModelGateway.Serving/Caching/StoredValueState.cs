namespace ModelGateway.Serving.Caching;

/// <summary>What a store gave back.</summary>
internal enum StoredValueState
{
    /// <summary>What was kept under the key.</summary>
    Ok,

    /// <summary>Whole, but of another key or format, or not ours.</summary>
    Foreign,

    /// <summary>Ours, but cut short, changed, or larger than it may be.</summary>
    Damaged,

    /// <summary>Not from one who has the keys: it does not authenticate, its key is not at hand, or it is plain where values are encrypted.</summary>
    Unauthentic,
}
