using System.Buffers;
using System.IO.Pipelines;

namespace ModelGateway.Caching.Memcached;

/// <summary>Reads lines and values off a connection, in whatever pieces they come. For one reader at a time; <see cref="Progress"/> for any thread.</summary>
internal sealed class AnswerReader(Stream stream)
{
    // A value of a megabyte in 16 reads, not in 256.
    private const int BufferBytes = 64 << 10;

    private readonly PipeReader _input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: BufferBytes, leaveOpen: true));
    private long _progress;

    /// <summary>Grows whenever something arrives.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>The next line.</summary>
    /// <exception cref="InvalidDataException">What came is no answer.</exception>
    /// <exception cref="EndOfStreamException">The server closed the connection.</exception>
    public async ValueTask<AnswerLine> ReadLineAsync()
    {
        while (true)
        {
            ReadOnlySequence<byte> buffer = await ReadAsync();
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                AnswerLine line = Parse(buffer.Slice(0, end));
                _input.AdvanceTo(buffer.GetPosition(1, end));
                return line;
            }

            if (buffer.Length > AnswerLine.MaxLength)
            {
                throw new InvalidDataException("its answer has no end of line");
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    /// <summary>The bytes that follow a line, into a buffer of the pool or nowhere.</summary>
    public async ValueTask<LeasedBytes?> ReadValueAsync(int length, bool keep)
    {
        LeasedBytes? value = keep ? new LeasedBytes(length) : null;
        try
        {
            for (int filled = 0; filled < length;)
            {
                ReadOnlySequence<byte> buffer = await ReadAsync();
                ReadOnlySequence<byte> part = buffer.Slice(0, Math.Min(length - filled, buffer.Length));
                if (value is not null)
                {
                    part.CopyTo(value.Memory.Span[filled..]);
                }

                filled += (int)part.Length;
                _input.AdvanceTo(part.End);
            }

            await ReadEndAsync();
            return value;
        }
        catch
        {
            value?.Dispose();
            throw;
        }
    }

    /// <summary>Gives its buffers back, when nobody reads any more.</summary>
    public void Complete() => _input.Complete();

    private async ValueTask ReadEndAsync()
    {
        while (true)
        {
            ReadOnlySequence<byte> buffer = await ReadAsync();
            if (buffer.Length >= 2)
            {
                CheckEnd(buffer);
                _input.AdvanceTo(buffer.GetPosition(2));
                return;
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private async ValueTask<ReadOnlySequence<byte>> ReadAsync()
    {
        ReadResult result = await _input.ReadAsync();
        if (result.IsCompleted)
        {
            throw new EndOfStreamException("it closed the connection");
        }

        Interlocked.Increment(ref _progress);
        return result.Buffer;
    }

    private static void CheckEnd(ReadOnlySequence<byte> buffer)
    {
        Span<byte> end = stackalloc byte[2];
        buffer.Slice(0, 2).CopyTo(end);
        if (!end.SequenceEqual("\r\n"u8))
        {
            throw new InvalidDataException("a value does not end where it should");
        }
    }

    private static AnswerLine Parse(ReadOnlySequence<byte> line)
    {
        if (line.Length > AnswerLine.MaxLength)
        {
            throw new InvalidDataException("its answer is too long");
        }

        Span<byte> copy = stackalloc byte[AnswerLine.MaxLength];
        line.CopyTo(copy);
        copy = copy[..(int)line.Length];
        return copy.EndsWith("\r"u8) ? AnswerLine.Parse(copy[..^1]) : throw new InvalidDataException("its answer is none of Memcached's");
    }
}
