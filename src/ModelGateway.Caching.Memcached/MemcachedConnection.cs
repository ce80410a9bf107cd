using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Caching.Memcached;

/// <summary>
/// One connection from its first request to its failure; after that it is over, and all who wait on it have failed. Requests are written in the
/// order in which they come, and answered in the same.
/// </summary>
/// <remarks>
/// Shared: the two queues and the failure, under the lock. Whoever puts commands into an idle connection writes them, and hands what came
/// meanwhile to the thread pool. One loop reads (<see cref="RunAsync"/>); a timer ends a connection that is silent while somebody waits.
/// </remarks>
internal sealed class MemcachedConnection : IDisposable
{
    // Far more than are answered within any deadline: a server that is slower than its callers is told no more.
    private const int MostWaiting = 1024;
    private const int MostUnsentBytes = 16 << 20;
    private const int MostTogetherBytes = 16 << 10;

    // Callers have left long before. It ends what would make each of them wait in vain, and must not end what a busy machine holds up.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WatchPeriod = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly Queue<MemcachedRequest> _waiting = new();
    private readonly Queue<MemcachedCommands> _unsent = new();
    private readonly MemcachedAddress _address;
    private readonly Stream _stream;
    private readonly AnswerReader _answers;
    private readonly int _maxValueBytes;
    private readonly TimeProvider _time;
    private readonly ITimer _watch;
    private int _unsentBytes;
    private bool _isWriting;
    private Exception? _failure;
    private long _written;
    private long _lastProgress;
    private long _silentSince;

    public MemcachedConnection(MemcachedAddress address, Stream stream, int maxValueBytes, TimeProvider time)
    {
        _address = address;
        _stream = stream;
        _answers = new AnswerReader(stream);
        _maxValueBytes = maxValueBytes;
        _time = time;
        _silentSince = time.GetTimestamp();
        _watch = time.CreateTimer(static connection => ((MemcachedConnection)connection!).Watch(), this, WatchPeriod, WatchPeriod);
    }

    /// <summary>Sends commands and takes over their buffer. Their requests fail at once where the connection is over or has too much to do.</summary>
    public void Send(MemcachedCommands commands)
    {
        bool isTaken;
        bool writes = false;
        lock (_lock)
        {
            isTaken = _failure is null && _waiting.Count < MostWaiting && _unsentBytes < MostUnsentBytes;
            if (isTaken)
            {
                foreach (MemcachedRequest request in commands.Requests)
                {
                    _waiting.Enqueue(request);
                }

                _unsent.Enqueue(commands);
                _unsentBytes += commands.Bytes.Length;
                writes = !_isWriting;
                _isWriting = true;
            }
        }

        if (!isTaken)
        {
            commands.Dispose();
            commands.Fail(Refuse);
        }
        else if (writes)
        {
            _ = WriteAsync();
        }
    }

    /// <summary>Reads answers until the connection fails or is disposed; throws what ended it.</summary>
    public async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await ReadAnswerAsync();
            }
        }
        catch (Exception exception)
        {
            End(exception);
            throw _failure!;
        }
        finally
        {
            _answers.Complete();
        }
    }

    public void Dispose() => End(new ObjectDisposedException(nameof(MemcachedPredictionStore)));

    private async Task ReadAnswerAsync()
    {
        AnswerLine line = await _answers.ReadLineAsync();
        MemcachedRequest? request;
        lock (_lock)
        {
            _waiting.TryPeek(out request);
        }

        if (request?.Takes(line) != true)
        {
            throw new InvalidDataException("it answers what was not asked");
        }

        LeasedBytes? value = line.Code == AnswerCodes.Value
            ? await _answers.ReadValueAsync(line.Length, keep: line.Length <= _maxValueBytes && !request.Task.IsCompleted)
            : null;
        lock (_lock)
        {
            // Where the connection has ended meanwhile, its requests have failed.
            _waiting.TryDequeue(out _);
        }

        bool isHeard = line.Error is null
            ? request.TrySetResult(new MemcachedAnswer(line.Code, value, line.Cas))
            : request.TrySetException(new IOException($"Memcached at {_address}: {line.Error}"));
        if (!isHeard)
        {
            value?.Dispose();
        }
    }

    private async Task WriteAsync()
    {
        for (bool isFirst = true; TryTakeUnsent(out MemcachedCommands? commands); isFirst = false)
        {
            try
            {
                if (!isFirst)
                {
                    // The caller has sent its own; it does not send for others as well.
                    await Task.Yield();
                }

                await _stream.WriteAsync(commands.Bytes);
                Interlocked.Increment(ref _written);
            }
            catch (Exception exception)
            {
                End(exception);
            }
            finally
            {
                commands.Dispose();
            }
        }
    }

    // What is small goes together: a write costs more than the copy (64 callers on two cores: 128,000 gets a second and not 73,000).
    private bool TryTakeUnsent([NotNullWhen(true)] out MemcachedCommands? commands)
    {
        lock (_lock)
        {
            _isWriting = _unsent.TryDequeue(out commands);
            while (commands is not null && _unsent.TryPeek(out MemcachedCommands? next) && commands.Bytes.Length + next.Bytes.Length <= MostTogetherBytes)
            {
                commands.Append(_unsent.Dequeue());
            }

            _unsentBytes -= commands?.Bytes.Length ?? 0;
            return _isWriting;
        }
    }

    // The looks come late and in heaps on a busy machine, so the time between them is measured.
    private void Watch()
    {
        bool waits;
        lock (_lock)
        {
            waits = _waiting.Count > 0;
        }

        long progress = _answers.Progress + Interlocked.Read(ref _written);
        if (!waits || progress != _lastProgress)
        {
            _lastProgress = progress;
            _silentSince = _time.GetTimestamp();
        }
        else if (_time.GetElapsedTime(_silentSince) >= LongestSilence)
        {
            End(new TimeoutException("it does not answer"));
        }
    }

    private void End(Exception reason)
    {
        MemcachedCommands[] unsent;
        MemcachedRequest[] waiting;
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = reason;
            unsent = [.. _unsent];
            waiting = [.. _waiting];
            _unsent.Clear();
            _waiting.Clear();
        }

        _watch.Dispose();
        _stream.Dispose();
        foreach (MemcachedCommands commands in unsent)
        {
            commands.Dispose();
        }

        foreach (MemcachedRequest request in waiting)
        {
            request.TrySetException(Refuse());
        }
    }

    private IOException Refuse() => _failure is { } failure
        ? new IOException($"Memcached at {_address} is lost: {failure.Message}", failure)
        : new IOException($"Memcached at {_address} has more requests waiting than it answers.");
}
