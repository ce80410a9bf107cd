namespace ModelGateway.Serving.Repository;

/// <summary>
/// How many connections one download is worth. A few begin; the others join where more arrives by them.
/// </summary>
/// <remarks>
/// A store over the internet gives each connection only so much, and answers late: then all are needed, and at once. A store nearby fills the
/// link, or the processor, with a few. More of them then share what there is, so that the first piece arrives as late as the eighth, and SHA-256,
/// which is computed in order, waits at the beginning and has eight pieces left to do at the end: a sixth of the time of 500 MiB at
/// 10 Gbit/s on two cores (benchmark <c>fetch</c>).
/// </remarks>
internal sealed class DownloadPace : IDisposable
{
    /// <summary>Connections that begin.</summary>
    public const int First = 3;

    /// <summary>Bytes after which it is first decided; over the first mebibyte rates say little yet.</summary>
    public const int FirstWindow = 4 << 20;

    /// <summary>Bytes over which it is seen what one more connection has brought.</summary>
    public const int Window = 32 << 20;

    // Slower than this part of what SHA-256 can take, it is the store that is waited for: all help. In their first milliseconds connections
    // that fill a link of 10 Gbit/s were seen to bring half of that.
    private const double MuchSlower = 0.3;

    // One connection more than three brings a third more where each has a limit of its own.
    private const double WorthIt = 1.1;

    // What brought nothing is tried again after so many windows, and then twice as many: another download may have had the link.
    private const int FirstRest = 8;

    /// <summary>What has not brought the first window until then is waited for, not read from.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    /// <summary>A window ends after this, however little has come; one in which nothing came lets all join.</summary>
    public static readonly TimeSpan LongestWindow = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _joining = new(0);
    private int _waiting;
    private bool _hasTicked;
    private long _began;
    private long _arrived;
    private long _arrivedSinceTick;
    private double _lastRate;

    // Of the last window before somebody joined; 0 while nobody has.
    private double _rateBefore;

    // Windows that are not judged: in the first one the newcomers still connect.
    private int _unjudged;
    private int _step = 1;
    private int _rest = FirstRest;

    /// <summary>Begins a download.</summary>
    /// <param name="parallelism">Connections at most.</param>
    /// <param name="time">The clock.</param>
    public DownloadPace(int parallelism, TimeProvider time)
    {
        _time = time;
        _waiting = Math.Max(0, parallelism - First);
        _timer = time.CreateTimer(static pace => ((DownloadPace)pace!).Tick(), this, _waiting > 0 ? Patience : Timeout.InfiniteTimeSpan, LongestWindow);
    }

    /// <summary>Returns when the connection of that number is worth it, or there is nothing left to do.</summary>
    /// <param name="number">From 0 on.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task JoinAsync(int number, CancellationToken cancellationToken) => number < First ? Task.CompletedTask : _joining.WaitAsync(cancellationToken);

    /// <summary>Bytes have come from the store.</summary>
    /// <param name="count">How many.</param>
    /// <param name="hashRate">What SHA-256 can take, bytes a second; 0 where it has not been seen yet.</param>
    public void Arrived(int count, double hashRate)
    {
        // Read without the lock: they never become more.
        if (Volatile.Read(ref _waiting) == 0)
        {
            return;
        }

        lock (_gate)
        {
            _arrivedSinceTick += count;
            if (_began == 0)
            {
                // From the first bytes on: how long the store took to answer is another matter, for the timer.
                _began = _time.GetTimestamp();
                return;
            }

            _arrived += count;
            TimeSpan elapsed = _time.GetElapsedTime(_began);
            if (hashRate > 0 && (_arrived >= (_lastRate == 0 ? FirstWindow : Window) || elapsed >= LongestWindow))
            {
                Decide(_arrived / elapsed.TotalSeconds, hashRate);
            }
        }
    }

    /// <summary>All join: nothing is left to do, or all are needed.</summary>
    public void LetAllJoin()
    {
        lock (_gate)
        {
            Release(_waiting);
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _joining.Dispose();
    }

    private void Tick()
    {
        lock (_gate)
        {
            bool isLate = _hasTicked ? _arrivedSinceTick == 0 : _lastRate == 0;
            Release(isLate ? _waiting : 0);
            _hasTicked = true;
            _arrivedSinceTick = 0;
        }
    }

    private void Decide(double rate, double hashRate)
    {
        if (rate < hashRate * MuchSlower)
        {
            Release(_waiting);
        }
        else if (_unjudged > 0)
        {
            _unjudged--;
        }
        else if (rate < hashRate)
        {
            Try(rate);
        }

        _lastRate = rate;
        _arrived = 0;
        _began = _time.GetTimestamp();
    }

    // One more, and where that brought something two more, and then four.
    private void Try(double rate)
    {
        bool wasVain = _rateBefore > 0 && rate < _rateBefore * WorthIt;
        _step = wasVain || _rateBefore == 0 ? 1 : 2 * _step;
        Release(wasVain ? 0 : Math.Min(_step, _waiting));
        _unjudged = wasVain ? _rest : 1;
        _rest = wasVain ? 2 * _rest : _rest;
        _rateBefore = wasVain ? 0 : rate;
    }

    private void Release(int count)
    {
        if (count > 0)
        {
            _waiting -= count;
            _joining.Release(count);
        }
    }
}
