using System.Collections.Concurrent;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// Cancellation for runs, used again from run to run: a linked source with a timer for each request costs more than a tiny model's run.
/// Shared by all requests; a source is held by one run at a time.
/// </summary>
internal sealed class RunDeadlines
{
    private readonly ConcurrentBag<CancellationTokenSource> _idle = [];

    /// <summary>A token that is cancelled after <paramref name="left"/> (null: never) or with the caller.</summary>
    public RunDeadline Rent(TimeSpan? left, CancellationToken caller)
    {
        if (left is null)
        {
            return new RunDeadline(caller);
        }

        if (!_idle.TryTake(out CancellationTokenSource? source))
        {
            source = new CancellationTokenSource();
        }

        source.CancelAfter(left.Value);
        CancellationTokenRegistration registration = caller.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), source);
        return new RunDeadline(this, source, registration);
    }

    internal void Return(CancellationTokenSource source)
    {
        // False once it was cancelled or its timer may still fire: such a source is not used again.
        if (source.TryReset())
        {
            _idle.Add(source);
        }
        else
        {
            source.Dispose();
        }
    }
}

/// <summary>One run's cancellation; dispose it when the run is over.</summary>
internal readonly struct RunDeadline : IDisposable
{
    private readonly RunDeadlines? _owner;
    private readonly CancellationTokenSource? _source;
    private readonly CancellationTokenRegistration _registration;

    public RunDeadline(RunDeadlines owner, CancellationTokenSource source, CancellationTokenRegistration registration)
    {
        (_owner, _source, _registration) = (owner, source, registration);
        Token = source.Token;
    }

    /// <summary>None but the caller's own.</summary>
    public RunDeadline(CancellationToken caller) => Token = caller;

    public CancellationToken Token { get; }

    public void Dispose()
    {
        // Waits for a callback under way, so that the caller cannot cancel the next run.
        _registration.Dispose();
        _owner?.Return(_source!);
    }
}
