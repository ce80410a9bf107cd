namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>The keys at hand, by id: old ones stay as long as files that were encrypted with them are served.</summary>
public sealed class EncryptionKeys(IEnumerable<EncryptionKey> keys)
{
    private readonly Dictionary<string, EncryptionKey> _keys = keys.ToDictionary(key => key.Id, StringComparer.Ordinal);

    /// <summary>No keys: nothing can be decrypted.</summary>
    public static EncryptionKeys None { get; } = new([]);

    /// <summary>The ids, in order.</summary>
    public IEnumerable<string> Ids => _keys.Keys.Order(StringComparer.Ordinal);

    /// <summary>The key of that id, or null.</summary>
    public EncryptionKey? Find(string id) => _keys.GetValueOrDefault(id);
}
