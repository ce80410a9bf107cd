using System.Text;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Walks the fields of a protobuf message in a seekable stream, skipping what nobody wants without reading it.</summary>
internal sealed class ProtobufReader(Stream stream)
{
    private const int LongestString = 1 << 20;

    /// <summary>Asked for once: a file asks the system each time.</summary>
    public long Length { get; } = stream.Length;

    public long Position
    {
        get => stream.Position;
        set => stream.Position = value;
    }

    /// <summary>The next field's number and wire type; false at <paramref name="end"/>.</summary>
    public bool TryReadTag(long end, out int field, out int wireType)
    {
        if (stream.Position >= end)
        {
            (field, wireType) = (0, 0);
            return false;
        }

        ulong tag = ReadVarint();
        (field, wireType) = ((int)(tag >> 3), (int)(tag & 7));
        return true;
    }

    public ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            int next = stream.ReadByte();
            if (next < 0)
            {
                throw Malformed();
            }

            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed();
    }

    /// <summary>Reads the length of a nested message and returns where it ends.</summary>
    public long ReadEnd()
    {
        ulong length = ReadVarint();
        return length <= (ulong)(Length - stream.Position) ? stream.Position + (long)length : throw Malformed();
    }

    public string ReadString()
    {
        long length = ReadEnd() - stream.Position;
        if (length > LongestString)
        {
            throw Malformed();
        }

        byte[] bytes = new byte[length];
        stream.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Reads a string that stood at an earlier position, and stays where the reader is.</summary>
    public string ReadStringAt(long position)
    {
        long here = stream.Position;
        stream.Position = position;
        string text = ReadString();
        stream.Position = here;
        return text;
    }

    public void Skip(int wireType)
    {
        switch (wireType)
        {
            case 0:
                ReadVarint();
                break;
            case 1:
                SkipBytes(sizeof(ulong));
                break;
            case 2:
                stream.Position = ReadEnd();
                break;
            case 5:
                SkipBytes(sizeof(uint));
                break;
            default:
                throw Malformed();
        }
    }

    private void SkipBytes(int count) =>
        stream.Position = count <= Length - stream.Position ? stream.Position + count : throw Malformed();

    private static InvalidDataException Malformed() => new("The file is not an ONNX model: it is not a protobuf message, or it is cut short.");
}
