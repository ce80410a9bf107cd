namespace ModelGateway.Serving.Repository;

/// <summary>
/// Copies of objects whose tag is a checksum that their store does not know: no request can say "only if it is still this one", so the
/// bytes themselves must show it.
/// </summary>
public static class CheckedCopy
{
    /// <summary>
    /// Runs a copy and, where it is of the whole object, compares what was written with the checksum that was listed. A part proves
    /// nothing alone: who puts parts together compares the whole. Without a tag whatever is there is right.
    /// </summary>
    /// <param name="source">As listed.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="count">Bytes.</param>
    /// <param name="destination">What it throws passes through. It has all the bytes when the comparison fails.</param>
    /// <param name="copy">Copies the bytes to the stream that it is given.</param>
    /// <exception cref="ObjectChangedException">The object does not have the checksum that was listed.</exception>
    public static async Task RunAsync(StoredObject source, long offset, long count, Stream destination, Func<Stream, Task> copy)
    {
        if (source.Tag.Length == 0 || source.Checksum is not { } listed || offset != 0 || count != source.Size)
        {
            await copy(destination);
            return;
        }

        using var calculator = new ChecksumCalculator(listed.Algorithm);
        await using var passing = new PassingStream(destination, calculator);
        await copy(passing);
        if (calculator.GetChecksumAndReset() != listed)
        {
            throw new ObjectChangedException(source.Key, "does not have the checksum that was listed: it changed, or the index was not written anew");
        }
    }

    /// <summary>Takes bytes into a checksum on their way. The destination stays open.</summary>
    private sealed class PassingStream(Stream destination, ChecksumCalculator calculator) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        // Added after they are written: what the destination refused never arrived.
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            destination.Write(buffer);
            calculator.Append(buffer);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await destination.WriteAsync(buffer, cancellationToken);
            calculator.Append(buffer.Span);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush() => destination.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => destination.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
