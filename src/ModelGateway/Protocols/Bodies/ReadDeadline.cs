namespace ModelGateway.Protocols.Bodies;

/// <summary>
/// The time a body has to arrive. No timer exists until the first wait: most small bodies are there before anyone looks.
/// </summary>
internal sealed class ReadDeadline(TimeProvider time, TimeSpan duration, CancellationToken aborted) : IDisposable
{
    private CancellationTokenSource? _timer;
    private CancellationTokenSource? _linked;

    /// <summary>The time is over, and not because the caller left.</summary>
    public bool HasPassed => _timer is { IsCancellationRequested: true } && !aborted.IsCancellationRequested;

    /// <summary>Starts the clock on the first call; the token ends with the time or with the caller.</summary>
    public CancellationToken Start()
    {
        if (_linked is null)
        {
            _timer = new CancellationTokenSource(duration, time);
            _linked = CancellationTokenSource.CreateLinkedTokenSource(_timer.Token, aborted);
        }

        return _linked.Token;
    }

    public void Dispose()
    {
        _linked?.Dispose();
        _timer?.Dispose();
    }
}
