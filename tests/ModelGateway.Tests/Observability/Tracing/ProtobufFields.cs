using System.Buffers.Binary;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>One field of a message in the wire format of Protocol Buffers.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Value">A varint, or eight bytes as a number; 0 for others.</param>
/// <param name="Bytes">The content of a field with a length; empty for others.</param>
internal readonly record struct ProtobufField(int Number, ulong Value, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The fields of a message, in its order.</summary>
    public static List<ProtobufField> Read(ReadOnlyMemory<byte> message)
    {
        var fields = new List<ProtobufField>();
        while (!message.IsEmpty)
        {
            ulong key = ReadVarint(ref message);
            int number = (int)(key >> 3);
            switch (key & 7)
            {
                case 0:
                    fields.Add(new ProtobufField(number, ReadVarint(ref message), default));
                    break;
                case 1:
                    fields.Add(new ProtobufField(number, BinaryPrimitives.ReadUInt64LittleEndian(message.Span), default));
                    message = message[8..];
                    break;
                case 2:
                    int length = (int)ReadVarint(ref message);
                    fields.Add(new ProtobufField(number, 0, message[..length]));
                    message = message[length..];
                    break;
                case 5:
                    fields.Add(new ProtobufField(number, BinaryPrimitives.ReadUInt32LittleEndian(message.Span), default));
                    message = message[4..];
                    break;
                default:
                    throw new InvalidDataException($"Field {number} has wire type {key & 7}.");
            }
        }

        return fields;
    }

    private static ulong ReadVarint(ref ReadOnlyMemory<byte> message)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = message.Span[0];
            message = message[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
