using System.Buffers.Binary;

namespace ModelGateway.Serving.Tensors;

/// <summary>Walks the elements of a BYTES tensor (uint32 little-endian length, then the bytes, repeated).</summary>
public ref struct BytesReader
{
    private const int PrefixSize = sizeof(uint);
    private ReadOnlySpan<byte> _rest;

    internal BytesReader(ReadOnlySpan<byte> data)
    {
        _rest = data;
        Current = default;
    }

    /// <summary>The element's bytes, without its length.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    /// <summary>Counts the elements of a serialized BYTES tensor, or says that the lengths do not add up to the data.</summary>
    public static bool TryCount(ReadOnlySpan<byte> data, out long count)
    {
        count = 0;
        while (data.Length >= PrefixSize)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data);
            if (length > data.Length - PrefixSize)
            {
                return false;
            }

            data = data[(PrefixSize + (int)length)..];
            count++;
        }

        return data.IsEmpty;
    }

    /// <summary>Allows <c>foreach</c>.</summary>
    public readonly BytesReader GetEnumerator() => this;

    /// <summary>Steps to the next element; false at the end.</summary>
    public bool MoveNext()
    {
        if (_rest.Length < PrefixSize)
        {
            return false;
        }

        int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(_rest);
        Current = _rest.Slice(PrefixSize, length);
        _rest = _rest[(PrefixSize + length)..];
        return true;
    }
}
