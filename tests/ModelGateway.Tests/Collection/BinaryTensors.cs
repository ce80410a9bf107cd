using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModelGateway.Tests.Collection;

/// <summary>The binary tensor extension as a client writes and reads it, apart from the product's code.</summary>
internal static class BinaryTensors
{
    public static (byte[] Body, int HeaderLength) WriteRequest(CollectionCase test)
    {
        var inputs = new JsonArray();
        using var data = new MemoryStream();
        foreach (JsonObject input in test.Inputs)
        {
            byte[] bytes = Serialize((string)input["datatype"]!, input["data"]!.AsArray());
            data.Write(bytes);
            inputs.Add(new JsonObject
            {
                ["name"] = (string)input["name"]!,
                ["shape"] = input["shape"]!.DeepClone(),
                ["datatype"] = (string)input["datatype"]!,
                ["parameters"] = new JsonObject { ["binary_data_size"] = bytes.Length },
            });
        }

        byte[] header = Encoding.UTF8.GetBytes(new JsonObject
        {
            ["inputs"] = inputs,
            ["parameters"] = new JsonObject { ["binary_data_output"] = true },
        }.ToJsonString());
        return ([.. header, .. data.ToArray()], header.Length);
    }

    /// <summary>The outputs with their data as JSON, as the JSON form would have answered.</summary>
    public static JsonArray ReadResponse(byte[] body, int headerLength)
    {
        JsonNode header = JsonNode.Parse(body.AsSpan(0, headerLength))!;
        ReadOnlySpan<byte> rest = body.AsSpan(headerLength);
        var outputs = new JsonArray();
        foreach (JsonNode? output in header["outputs"]!.AsArray())
        {
            int size = (int)output!["parameters"]!["binary_data_size"]!;
            JsonNode copy = output.DeepClone();
            copy["data"] = Deserialize((string)output["datatype"]!, rest[..size]);
            rest = rest[size..];
            outputs.Add(copy);
        }

        return rest.IsEmpty ? outputs : throw new InvalidDataException($"{rest.Length} bytes more than the outputs say.");
    }

    private static byte[] Serialize(string datatype, JsonArray data)
    {
        using var stream = new MemoryStream();
        foreach (JsonNode? element in data)
        {
            stream.Write(SerializeElement(datatype, element!));
        }

        return stream.ToArray();
    }

    private static byte[] SerializeElement(string datatype, JsonNode node)
    {
        switch (datatype)
        {
            case "BOOL":
                return [(bool)node ? (byte)1 : (byte)0];
            case "BYTES":
                byte[] text = Encoding.UTF8.GetBytes((string)node!);
                byte[] element = new byte[sizeof(uint) + text.Length];
                BinaryPrimitives.WriteUInt32LittleEndian(element, (uint)text.Length);
                text.CopyTo(element, sizeof(uint));
                return element;
            case "FP64":
                return BitConverter.GetBytes(ToDouble(node));
            case "FP32":
                return BitConverter.GetBytes((float)ToDouble(node));
            case "FP16":
                return BitConverter.GetBytes((Half)ToDouble(node));
            case "BF16":
                return BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits((float)ToDouble(node)) >> 16));
            case "UINT64":
                return BitConverter.GetBytes(ulong.Parse(node.ToJsonString(), CultureInfo.InvariantCulture));
            default:
                long value = long.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);
                return BitConverter.GetBytes(value)[..SizeOf(datatype)];
        }
    }

    private static double ToDouble(JsonNode node) => node.GetValueKind() == JsonValueKind.String
        ? double.Parse((string)node!, CultureInfo.InvariantCulture)
        : (double)node;

    private static JsonArray Deserialize(string datatype, ReadOnlySpan<byte> bytes)
    {
        var data = new JsonArray();
        while (!bytes.IsEmpty)
        {
            int size = datatype == "BYTES" ? sizeof(uint) + (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes) : SizeOf(datatype);
            data.Add(DeserializeElement(datatype, bytes[..size]));
            bytes = bytes[size..];
        }

        return data;
    }

    private static JsonValue DeserializeElement(string datatype, ReadOnlySpan<byte> bytes) => datatype switch
    {
        "BOOL" => JsonValue.Create(bytes[0] != 0),
        "BYTES" => JsonValue.Create(Encoding.UTF8.GetString(bytes[sizeof(uint)..])),
        "FP64" => FromDouble(BinaryPrimitives.ReadDoubleLittleEndian(bytes)),
        "FP32" => FromDouble(BinaryPrimitives.ReadSingleLittleEndian(bytes)),
        "FP16" => FromDouble((double)BinaryPrimitives.ReadHalfLittleEndian(bytes)),
        "BF16" => FromDouble(BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes) << 16)),
        "UINT8" => JsonValue.Create(bytes[0]),
        "INT8" => JsonValue.Create((sbyte)bytes[0]),
        "UINT16" => JsonValue.Create(BinaryPrimitives.ReadUInt16LittleEndian(bytes)),
        "INT16" => JsonValue.Create(BinaryPrimitives.ReadInt16LittleEndian(bytes)),
        "UINT32" => JsonValue.Create(BinaryPrimitives.ReadUInt32LittleEndian(bytes)),
        "INT32" => JsonValue.Create(BinaryPrimitives.ReadInt32LittleEndian(bytes)),
        "UINT64" => JsonValue.Create(BinaryPrimitives.ReadUInt64LittleEndian(bytes)),
        _ => JsonValue.Create(BinaryPrimitives.ReadInt64LittleEndian(bytes)),
    };

    private static JsonValue FromDouble(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));

    private static int SizeOf(string datatype) => datatype switch
    {
        "BOOL" or "UINT8" or "INT8" => 1,
        "UINT16" or "INT16" or "FP16" or "BF16" => 2,
        "UINT32" or "INT32" or "FP32" => 4,
        _ => 8,
    };
}
