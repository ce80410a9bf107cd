namespace ModelGateway.Serving.Repository;

/// <summary>Makes the stores of one URI scheme; the host collects the providers and picks by scheme.</summary>
public interface IObjectStoreProvider
{
    /// <summary>The scheme, lower case, without the colon.</summary>
    string Scheme { get; }

    /// <summary>The store behind a URI. Does not touch the store yet.</summary>
    /// <exception cref="ArgumentException">The URI is not one of this store's; the message says what it should look like.</exception>
    IObjectStore Open(Uri location);
}
