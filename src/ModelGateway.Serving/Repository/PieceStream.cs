namespace ModelGateway.Serving.Repository;

/// <summary>Where the bytes of one piece go: into the partial file at their place, into their checksum, and into the hash if it has come so far.</summary>
internal sealed class PieceStream(PartialFile file, int piece, PieceHasher hasher, DownloadPace pace) : Stream
{
    private PieceChecksum _checksum = new();

    /// <summary>Bytes of the piece that are there.</summary>
    public long Written { get; private set; }

    /// <summary>What the disk said when it failed; the store is not to blame then.</summary>
    public Exception? DiskFailure { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The piece, which must be the only one, is written anew from its first byte.</summary>
    public void Restart()
    {
        Written = 0;
        _checksum = new PieceChecksum();
        hasher.Restart();
    }

    /// <summary>All bytes are there.</summary>
    public void Complete() => file.Complete(piece, _checksum.Value);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (Written + buffer.Length > file.LengthOf(piece))
        {
            throw new IOException("The store sent more bytes than the object has.");
        }

        try
        {
            file.Write(file.OffsetOf(piece) + Written, buffer);
            _checksum.Append(buffer);
            Written += buffer.Length;
            hasher.Advance(piece, Written, buffer);
            pace.Arrived(buffer.Length, hasher.BytesPerSecond);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            DiskFailure = exception;
            throw;
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    // Synchronous on purpose: the bytes go to the page cache.
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Write(buffer.AsSpan(offset, count));
        return Task.CompletedTask;
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
