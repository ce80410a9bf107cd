using System.Runtime.ExceptionServices;

namespace ModelGateway.Serving.Repository;

/// <summary>Downloads one object into a partial file: in ranges, several at a time, each gone on with where it broke off.</summary>
/// <param name="store">Where it lies.</param>
/// <param name="source">As listed.</param>
/// <param name="partial">Where it goes.</param>
/// <param name="connections">One for each range under way, over all downloads.</param>
/// <param name="options">Bounds.</param>
/// <param name="time">For the pauses between attempts.</param>
internal sealed class ObjectDownload(
    IObjectStore store, StoredObject source, PartialFile partial, SemaphoreSlim connections, ArtifactCacheOptions options, TimeProvider time)
{
    // A store that brings a little at every attempt must not be asked for ever.
    private const int AttemptsWithProgress = 10;
    private int _next = -1;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Downloads what is missing.</summary>
    /// <param name="algorithm">Of the store's own checksum, or null.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>SHA-256 and checksum of the whole content.</returns>
    /// <exception cref="ObjectChangedException">The object is no longer what was listed.</exception>
    /// <exception cref="IOException">The store or the disk failed, again and again.</exception>
    public async Task<(string Sha256, ObjectChecksum? Checksum)> RunAsync(ChecksumAlgorithm? algorithm, CancellationToken cancellationToken)
    {
        using var hasher = new PieceHasher(partial, algorithm);
        int parallelism = Math.Min(options.Parallelism, partial.PieceCount);
        using var pace = new DownloadPace(parallelism, time);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        // A store that answers synchronously, a folder, is read to its end by the first of them, on the caller's thread.
        Task[] workers = [.. Enumerable.Range(0, parallelism).Select(number => WorkAsync(number, pace, hasher, stop))];
        await Task.WhenAll(workers);
        _failure?.Throw();
        cancellationToken.ThrowIfCancellationRequested();
        return hasher.Finish();
    }

    // Does not throw: the first failure ends the others, and all have let go of the file when RunAsync returns.
    private async Task WorkAsync(int number, DownloadPace pace, PieceHasher hasher, CancellationTokenSource stop)
    {
        try
        {
            await pace.JoinAsync(number, stop.Token);
            while (Interlocked.Increment(ref _next) is int piece && piece < partial.PieceCount)
            {
                if (partial.IsDone(piece))
                {
                    hasher.Note(piece, partial.LengthOf(piece));
                }
                else
                {
                    await FetchAsync(piece, pace, hasher, stop.Token);
                }

                // Without a connection: what it reads may be much.
                hasher.CatchUp(stop.Token);
            }
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            await stop.CancelAsync();
        }
        finally
        {
            // Nothing is left that is not under way.
            pace.LetAllJoin();
        }
    }

    private async Task FetchAsync(int piece, DownloadPace pace, PieceHasher hasher, CancellationToken cancellationToken)
    {
        using var stream = new PieceStream(partial, piece, hasher, pace);
        long offset = partial.OffsetOf(piece);
        long length = partial.LengthOf(piece);
        int failures = 0;
        for (int attempt = 1; ; attempt++)
        {
            long before = stream.Written;
            await connections.WaitAsync(cancellationToken);
            try
            {
                await store.CopyRangeAsync(source, offset + before, length - before, stream, cancellationToken);
                break;
            }
            catch (IOException exception) when (MayPass(exception, stream))
            {
                // What brought something on is no vain attempt.
                failures = stream.Written > before ? 1 : failures + 1;
                if (failures >= options.Attempts || attempt >= options.Attempts * AttemptsWithProgress)
                {
                    throw;
                }
            }
            finally
            {
                connections.Release();
            }

            // A file of several pieces is not gone on with once its store turns out to send no ranges.
            if (!store.SupportsRanges && partial.PieceCount == 1)
            {
                stream.Restart();
            }

            await Task.Delay(options.RetryPause * Math.Pow(2, failures - 1), time, cancellationToken);
        }

        if (stream.Written != length)
        {
            throw new IOException($"'{source.Key}': the store sent {stream.Written} bytes where {length} were asked for.");
        }

        stream.Complete();
    }

    // A store that turns out to send no ranges needs another plan, not patience.
    private bool MayPass(IOException exception, PieceStream stream) =>
        exception is not ObjectChangedException && stream.DiskFailure is null && (store.SupportsRanges || partial.PieceCount == 1);
}
