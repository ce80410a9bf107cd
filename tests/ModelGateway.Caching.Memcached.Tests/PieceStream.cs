namespace ModelGateway.Caching.Memcached.Tests;

/// <summary>Bytes that arrive in pieces of given sizes, as a network may deliver them; then the end.</summary>
internal sealed class PieceStream(byte[] bytes, IEnumerable<int> sizes) : Stream
{
    private readonly IEnumerator<int> _sizes = sizes.GetEnumerator();
    private int _position;
    private int _left;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

    public override int Read(Span<byte> buffer)
    {
        _left = _left == 0 && _sizes.MoveNext() ? _sizes.Current : _left;
        int count = Math.Min(_left, Math.Min(buffer.Length, bytes.Length - _position));
        bytes.AsSpan(_position, count).CopyTo(buffer);
        _position += count;
        _left -= count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
