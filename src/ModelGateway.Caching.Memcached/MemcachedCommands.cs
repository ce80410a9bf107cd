using System.Buffers;
using System.Globalization;

namespace ModelGateway.Caching.Memcached;

/// <summary>
/// Commands that go to one server in one piece, in a pooled buffer, and the requests that their answers go to. Whoever holds it gives the buffer
/// back: first its maker, then the connection.
/// </summary>
internal sealed class MemcachedCommands : IDisposable
{
    // Command, key, three numbers and their flags.
    private const int LongestLine = MemcachedKeys.MaxLength + 80;

    private byte[] _buffer = [];
    private int _length;

    public List<MemcachedRequest> Requests { get; } = new(1);

    /// <summary>What goes over the wire.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>Asks for a value: <see cref="AnswerCodes.Value"/> or <see cref="AnswerCodes.Missing"/>.</summary>
    public MemcachedRequest Get(ReadOnlySpan<byte> key, bool withCas = false)
    {
        var request = new MemcachedRequest(AnswerCodes.Value | AnswerCodes.Missing);
        Begin(LongestLine);
        Append("mg "u8);
        Append(key);
        Append(withCas ? " v c"u8 : " v"u8);
        End(request);
        return request;
    }

    /// <summary>Keeps a value, whatever was there: <see cref="AnswerCodes.Done"/>.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="value">Copied.</param>
    /// <param name="expiry">As the server takes it; 0 for never.</param>
    public MemcachedRequest Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry) => Set(key, value, expiry, [], null, AnswerCodes.Done);

    /// <summary>Keeps a value where there is none: <see cref="AnswerCodes.Done"/> or <see cref="AnswerCodes.NotStored"/>.</summary>
    public MemcachedRequest Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry) =>
        Set(key, value, expiry, " ME"u8, null, AnswerCodes.Done | AnswerCodes.NotStored);

    /// <summary>Keeps a value in place of the one with this mark: <see cref="AnswerCodes.Done"/>, <see cref="AnswerCodes.Changed"/> or <see cref="AnswerCodes.NotFound"/>.</summary>
    public MemcachedRequest Replace(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ulong cas) =>
        Set(key, value, expiry, " C"u8, cas, AnswerCodes.Done | AnswerCodes.Changed | AnswerCodes.NotFound);

    /// <summary>Removes the value with this mark: <see cref="AnswerCodes.Done"/>, <see cref="AnswerCodes.Changed"/> or <see cref="AnswerCodes.NotFound"/>.</summary>
    public MemcachedRequest Delete(ReadOnlySpan<byte> key, ulong cas)
    {
        var request = new MemcachedRequest(AnswerCodes.Done | AnswerCodes.Changed | AnswerCodes.NotFound);
        Begin(LongestLine);
        Append("md "u8);
        Append(key);
        Append(" C"u8);
        Append(cas);
        End(request);
        return request;
    }

    /// <summary>Puts the bytes of others behind its own, and gives their buffer back.</summary>
    public void Append(MemcachedCommands others)
    {
        Begin(others._length);
        Append(others.Bytes.Span);
        others.Dispose();
    }

    /// <summary>Fails all requests, each with an exception of its own: they are thrown on several threads.</summary>
    public void Fail(Func<Exception> reason)
    {
        foreach (MemcachedRequest request in Requests)
        {
            request.TrySetException(reason());
        }
    }

    public void Dispose()
    {
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private MemcachedRequest Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ReadOnlySpan<byte> mode, ulong? cas, AnswerCodes allowed)
    {
        var request = new MemcachedRequest(allowed);
        Begin(LongestLine + value.Length);
        Append("ms "u8);
        Append(key);
        Append(" "u8);
        Append((ulong)value.Length);
        Append(mode);
        if (cas is { } mark)
        {
            Append(mark);
        }

        if (expiry != 0)
        {
            Append(" T"u8);
            Append((ulong)expiry);
        }

        End(request);
        Append(value);
        Append("\r\n"u8);
        return request;
    }

    private void Begin(int room)
    {
        if (_buffer.Length - _length >= room)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + room, _length * 2));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        Dispose();
        _buffer = larger;
    }

    private void End(MemcachedRequest request)
    {
        Append(" O"u8);
        Append(request.Opaque);
        Append("\r\n"u8);
        Requests.Add(request);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Append(ulong number)
    {
        number.TryFormat(_buffer.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }
}
