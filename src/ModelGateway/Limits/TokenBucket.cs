namespace ModelGateway.Limits;

/// <summary>Fills at a steady rate up to its size; each request takes one token out. Guarded by its own lock, which is held for some arithmetic.</summary>
internal sealed class TokenBucket
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly double _rate;
    private readonly int _size;
    private double _tokens;
    private long _filledAt;

    /// <param name="rate">Tokens a second; more than 0.</param>
    /// <param name="size">The most that it holds; at least 1.</param>
    /// <param name="time">The clock.</param>
    public TokenBucket(double rate, int size, TimeProvider time)
    {
        (_rate, _size, _tokens, _time) = (rate, size, size, time);
        _filledAt = time.GetTimestamp();
    }

    /// <summary>Tokens in it now.</summary>
    public double Tokens
    {
        get
        {
            lock (_gate)
            {
                Fill();
                return _tokens;
            }
        }
    }

    /// <summary>A bucket that is full is as good as a new one.</summary>
    public bool IsFull => Tokens >= _size;

    /// <summary>Takes a token, if there is one.</summary>
    public BucketLook TryTake()
    {
        lock (_gate)
        {
            Fill();
            bool taken = _tokens >= 1;
            if (taken)
            {
                _tokens--;
            }

            // What a caller waits for: the next token where there was none, else that all are there again.
            double missing = taken ? _size - _tokens : 1 - _tokens;
            return new BucketLook(taken, (int)_tokens, TimeSpan.FromSeconds(missing / _rate));
        }
    }

    private void Fill()
    {
        long now = _time.GetTimestamp();
        _tokens = Math.Min(_size, _tokens + (_time.GetElapsedTime(_filledAt, now).TotalSeconds * _rate));
        _filledAt = now;
    }
}

/// <summary>What was found in a bucket.</summary>
/// <param name="IsTaken">There was a token, and it is taken.</param>
/// <param name="Remaining">Tokens that are left.</param>
/// <param name="Wait">Until the next token where none was there; else until the bucket is full again.</param>
internal readonly record struct BucketLook(bool IsTaken, int Remaining, TimeSpan Wait);
