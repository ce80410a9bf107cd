namespace ModelGateway.Storage.Http;

/// <summary>
/// One request and its answer, given up when nothing arrives for a while. Only the time in which the store is waited for counts, however
/// long the whole takes. What goes wrong is an <see cref="IOException"/> that names the subject.
/// </summary>
/// <param name="subject">What is read, for the messages.</param>
/// <param name="patience">The longest time in which nothing arrives.</param>
/// <param name="time">The clock; null for the system's.</param>
/// <param name="cancellationToken">The caller's: its end is not a failure of the store.</param>
public sealed class PatientExchange(string subject, TimeSpan patience, TimeProvider? time, CancellationToken cancellationToken) : IDisposable
{
    private readonly CancellationTokenSource _stall = new(Timeout.InfiniteTimeSpan, time ?? TimeProvider.System);
    private CancellationTokenRegistration _caller;

    /// <summary>The longest time until the answer begins, where it is another: servers that fetch something themselves take longer for that than between two pieces of it.</summary>
    public TimeSpan? FirstBytePatience { get; init; }

    /// <summary>The answer as soon as its headers are there.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpRequestMessage request)
    {
        try
        {
            return await WaitAsync(token => client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), FirstBytePatience ?? patience);
        }
        catch (HttpRequestException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new IOException($"{subject} cannot be read: {RangeReader.Describe(exception)}", exception);
        }
    }

    /// <summary>The next bytes of the answer's body; 0 at its end.</summary>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer)
    {
        try
        {
            return await WaitAsync(token => body.ReadAsync(buffer, token).AsTask(), patience);
        }
        catch (IOException exception) when (exception is not StalledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new IOException($"{subject}: the connection was cut: {RangeReader.Describe(exception)}", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _caller.Dispose();
        _stall.Dispose();
    }

    private async Task<T> WaitAsync<T>(Func<CancellationToken, Task<T>> action, TimeSpan longest)
    {
        // Not linked: a linked source follows the system's clock only.
        if (_caller == default)
        {
            _caller = cancellationToken.Register(static stall => ((CancellationTokenSource)stall!).Cancel(), _stall);
        }

        try
        {
            _stall.CancelAfter(longest);
            T result = await action(_stall.Token);
            _stall.CancelAfter(Timeout.InfiniteTimeSpan);
            return result;
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new StalledException($"{subject}: nothing arrived for {longest.TotalSeconds} seconds.");
        }
    }

    private sealed class StalledException(string message) : IOException(message);
}
