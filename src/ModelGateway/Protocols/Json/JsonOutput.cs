using System.Buffers;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Appends to a buffer writer through one span at a time. A mutable struct: pass it by reference, and flush it before anyone
/// else uses the writer.
/// </summary>
internal ref struct JsonOutput(IBufferWriter<byte> writer)
{
    // Below this the end of the writer's block is left empty rather than filled element by element.
    private const int LeastSpan = 256;
    private readonly IBufferWriter<byte> _writer = writer;
    private Span<byte> _span;
    private int _used;

    /// <summary>Bytes handed to the writer so far.</summary>
    public long Length { get; private set; }

    /// <summary>Room for at least <paramref name="size"/> bytes; what is used of it is told to <see cref="Advance"/>.</summary>
    public Span<byte> Reserve(int size)
    {
        if (_span.Length - _used < size)
        {
            Flush();
            _span = _writer.GetSpan(Math.Max(size, LeastSpan));
        }

        return _span[_used..];
    }

    public void Advance(int count) => _used += count;

    public void Write(byte value)
    {
        Reserve(1)[0] = value;
        _used++;
    }

    public void Write(scoped ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Span<byte> room = Reserve(1);
            int count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            _used += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>Hands everything to the writer.</summary>
    public void Flush()
    {
        if (_used > 0)
        {
            _writer.Advance(_used);
            Length += _used;
        }

        _span = default;
        _used = 0;
    }
}
