using Google.Apis.Auth.OAuth2;

namespace ModelGateway.Storage.Gcs;

/// <summary>
/// Access tokens for one store. The credentials are looked for at the first use and kept as long as they work; Google's library keeps
/// their token and renews it before its time. After any failure they are looked for again: a key file may have been replaced, an identity given.
/// </summary>
/// <remarks>Safe for any thread: the lock guards the two fields and is not held while a token is fetched, which the library does once for all who wait.</remarks>
/// <param name="location">For the messages.</param>
/// <param name="finder">Looks for the credentials.</param>
internal sealed class AccessTokens(string location, CredentialFinder finder)
{
    /// <summary>A token server that takes longer is away.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Lock _lock = new();
    private ITokenAccess? _credentials;
    private string? _token;

    /// <summary>A token that was good when it was given.</summary>
    /// <exception cref="IOException">There are no credentials, or the token server refuses or is away.</exception>
    public async Task<string> GetAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        ITokenAccess? credentials = null;
        try
        {
            lock (_lock)
            {
                credentials = _credentials ??= finder.Find();
            }

            string? token = await credentials.GetAccessTokenForRequestAsync(authUri: null, patience.Token);
            lock (_lock)
            {
                _token = token;
            }

            return token is { Length: > 0 } ? token : throw new IOException("The token server gave no token.");
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Drop(credentials);
            string why = exception is OperationCanceledException ? $"nothing arrived for {Patience.TotalSeconds} seconds" : CredentialFinder.Describe(exception);
            throw new IOException($"'{location}': no access token from {finder.Origin}: {why.TrimEnd('.')}.{finder.RemedyFor(exception)}", exception);
        }
    }

    /// <summary>The store does not take this token: the next one is asked for anew.</summary>
    public void Forget(string token)
    {
        lock (_lock)
        {
            // Of many requests that were refused at a time the first does it; the others find the new one.
            if (_token == token)
            {
                _credentials = null;
                _token = null;
            }
        }
    }

    private void Drop(ITokenAccess? credentials)
    {
        lock (_lock)
        {
            if (_credentials == credentials)
            {
                _credentials = null;
                _token = null;
            }
        }
    }
}
