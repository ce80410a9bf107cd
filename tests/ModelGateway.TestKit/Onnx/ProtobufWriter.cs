using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ModelGateway.TestKit.Onnx;

/// <summary>Writes the protobuf wire format, as far as ONNX files need it.</summary>
/// <remarks>
/// <code>
/// every field     tag = varint(field number * 8 + wire type), then its value
/// wire type 0     varint: seven bits a byte, lowest first, the top bit says that more follow; negative numbers take ten bytes
/// wire type 2     varint(length), then that many bytes: text, bytes, nested message
/// wire type 5     four bytes, little endian: float
/// </code>
/// Repeated fields are written as one tag a value: every protobuf reader takes that form too where the packed one is declared.
/// </remarks>
internal sealed class ProtobufWriter
{
    private const int VarintType = 0;
    private const int LengthType = 2;
    private const int FixedType = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public void Int64(int field, long value)
    {
        Tag(field, VarintType);
        Varint((ulong)value);
    }

    public void Float(int field, float value)
    {
        Tag(field, FixedType);
        BinaryPrimitives.WriteSingleLittleEndian(_bytes.GetSpan(sizeof(float)), value);
        _bytes.Advance(sizeof(float));
    }

    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, LengthType);
        Varint((ulong)value.Length);
        _bytes.Write(value);
    }

    public void Message(int field, Action<ProtobufWriter> write)
    {
        var nested = new ProtobufWriter();
        write(nested);
        Bytes(field, nested._bytes.WrittenSpan);
    }

    /// <summary>A StringStringEntryProto: key = 1, value = 2.</summary>
    public void Entry(int field, string key, string value) =>
        Message(field, entry =>
        {
            entry.Text(1, key);
            entry.Text(2, value);
        });

    private void Tag(int field, int wireType) => Varint((ulong)((field << 3) | wireType));

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Byte((byte)(value | 0x80));
        }

        Byte((byte)value);
    }

    private void Byte(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
    }
}
