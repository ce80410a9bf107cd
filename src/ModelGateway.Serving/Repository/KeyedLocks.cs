namespace ModelGateway.Serving.Repository;

/// <summary>A lock for each name, for as long as someone holds it or waits for it.</summary>
/// <remarks><c>_locks</c> is guarded by itself; a lock's count says how many hold it or wait, and the last one out removes it.</remarks>
internal sealed class KeyedLocks
{
    private readonly Dictionary<string, Entry> _locks = new(StringComparer.Ordinal);

    /// <summary>Waits until nobody else holds <paramref name="key"/>; disposing the result lets go.</summary>
    public async Task<IDisposable> EnterAsync(string key, CancellationToken cancellationToken)
    {
        Entry entry;
        lock (_locks)
        {
            if (!_locks.TryGetValue(key, out entry!))
            {
                entry = new Entry();
                _locks.Add(key, entry);
            }

            entry.Holders++;
        }

        try
        {
            await entry.Gate.WaitAsync(cancellationToken);
            return new Releaser(this, key, entry);
        }
        catch
        {
            Leave(key, entry);
            throw;
        }
    }

    /// <summary>Whether anybody holds it or waits for it.</summary>
    public bool IsHeld(string key)
    {
        lock (_locks)
        {
            return _locks.ContainsKey(key);
        }
    }

    private void Leave(string key, Entry entry)
    {
        lock (_locks)
        {
            if (--entry.Holders == 0)
            {
                _locks.Remove(key);
                entry.Gate.Dispose();
            }
        }
    }

    private sealed class Entry
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public int Holders { get; set; }
    }

    private sealed class Releaser(KeyedLocks owner, string key, Entry entry) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                entry.Gate.Release();
                owner.Leave(key, entry);
            }
        }
    }
}
