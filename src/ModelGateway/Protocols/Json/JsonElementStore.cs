using System.Text.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>The elements of one tensor while they are read, in pooled memory that grows. Dispose it: it gives back what was not detached, and may begin anew.</summary>
internal sealed class JsonElementStore : IDisposable
{
    private const int FirstElements = 256;
    private const int FirstBytesOfString = 16;

    /// <summary>A string is never more than a third longer as an element: <c>"",</c> is three bytes here and a length of four there.</summary>
    public static readonly int LongestTextOfStrings = Array.MaxLength / 4 * 3;
    private JsonText _text = null!;
    private int _size;
    private TensorBuffer? _numbers;
    private BytesWriter? _strings;
    private int _used;

    /// <summary>Begins a tensor.</summary>
    /// <param name="text">What is read.</param>
    /// <param name="type">Of its elements.</param>
    /// <param name="expected">The elements that are to come, as far as a shape says; -1 for unknown.</param>
    public void Begin(JsonText text, TensorType type, long expected)
    {
        (_text, Type, _size, _used, Count) = (text, type, type.ElementSize(), 0, 0);

        // An element and its comma are two bytes at least: a large shape alone buys no memory.
        long most = Math.Min(expected < 0 ? FirstElements : expected, (text.Span.Length / 2) + 1);
        if (type == TensorType.Bytes)
        {
            _strings = new BytesWriter((int)Math.Min(most, FirstElements) * FirstBytesOfString);
        }
        else
        {
            _numbers = TensorBuffer.Rent((int)Math.Min(most * _size, Array.MaxLength));
        }
    }

    public TensorType Type { get; private set; }

    public long Count { get; private set; }

    /// <summary>For elements of a fixed size: the memory behind the last one. What is written there counts once it is taken.</summary>
    public Span<byte> Free => _numbers is null ? default : _numbers.Span[_used..];

    /// <summary>Reads the value under the reader, which is left at the value's last token also where it is at fault.</summary>
    public JsonScalarFault Append(ref Utf8JsonReader reader)
    {
        Count++;
        if (_strings is not null)
        {
            return _text.Span.Length > LongestTextOfStrings
                ? Skip(ref reader, JsonScalarFault.TooMany)
                : JsonByteStrings.Append(ref reader, _text, _strings);
        }

        if (_numbers!.Length - _used < _size && !TryGrow())
        {
            return Skip(ref reader, JsonScalarFault.TooMany);
        }

        JsonScalarFault fault = JsonScalars.Read(reader, _text, Type, _numbers.Span[_used..]);
        _used += _size;
        return fault == JsonScalarFault.None ? fault : Skip(ref reader, fault);
    }

    /// <summary>So many elements were written to <see cref="Free"/>.</summary>
    public void Take(int count)
    {
        _used += count * _size;
        Count += count;
    }

    /// <summary>Makes <see cref="Free"/> larger. False where the tensor would leave the largest size of an array.</summary>
    public bool TryGrow()
    {
        int length = (int)Math.Min(Array.MaxLength, Math.Max(_numbers!.Length * 2L, FirstElements * _size));
        if (length - _used < _size)
        {
            return false;
        }

        _numbers.Resize(length);
        return true;
    }

    /// <summary>Forgets the elements of a fixed size behind the first <paramref name="count"/>.</summary>
    public void ReturnTo(long count)
    {
        _used = (int)(count * _size);
        Count = count;
    }

    /// <summary>Hands over the memory, cut to what was read.</summary>
    public TensorBuffer Detach()
    {
        if (_strings is not null)
        {
            return _strings.Detach();
        }

        TensorBuffer buffer = _numbers!;
        buffer.Resize(_used);
        _numbers = null;
        return buffer;
    }

    public void Dispose()
    {
        _numbers?.Dispose();
        _strings?.Dispose();
        (_text, _numbers, _strings) = (null!, null, null);
    }

    private static JsonScalarFault Skip(ref Utf8JsonReader reader, JsonScalarFault fault)
    {
        reader.Skip();
        return fault;
    }
}
