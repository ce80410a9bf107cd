using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Reads one element of a BYTES tensor: a JSON string, or <c>{"b64": "..."}</c> for bytes that are no text.</summary>
internal static class JsonByteStrings
{
    /// <summary>The key that says that a string is base64.</summary>
    public static ReadOnlySpan<byte> Base64Key => "b64"u8;

    /// <summary>Appends the element and leaves the reader at its last token, also where it is at fault.</summary>
    public static JsonScalarFault Append(ref Utf8JsonReader reader, JsonText text, BytesWriter writer)
    {
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            return AppendBase64(ref reader, text, writer);
        }

        if (reader.TokenType != JsonTokenType.String || text.IsBareToken(reader, out _))
        {
            reader.Skip();
            return JsonScalarFault.WrongKind;
        }

        if (!reader.ValueIsEscaped)
        {
            writer.Append(reader.ValueSpan);
            return JsonScalarFault.None;
        }

        byte[] scratch = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        bool valid = JsonStrings.TryUnescape(reader, scratch, out int length);
        if (valid)
        {
            writer.Append(scratch.AsSpan(0, length));
        }

        ArrayPool<byte>.Shared.Return(scratch);
        return valid ? JsonScalarFault.None : JsonScalarFault.LoneSurrogate;
    }

    private static JsonScalarFault AppendBase64(ref Utf8JsonReader reader, JsonText text, BytesWriter writer)
    {
        int outside = reader.CurrentDepth;
        JsonScalarFault fault = JsonScalarFault.WrongKind;
        reader.Read();
        if (reader.TokenType == JsonTokenType.PropertyName && JsonName.TryRead(reader, out JsonName key) && key.Is(Base64Key))
        {
            reader.Read();
            bool isString = reader.TokenType == JsonTokenType.String && !text.IsBareToken(reader, out _);
            fault = isString ? Decode(reader, writer) : JsonScalarFault.WrongKind;
            reader.Skip();
            reader.Read();
            fault = reader.TokenType == JsonTokenType.EndObject ? fault : JsonScalarFault.WrongKind;
        }

        while (reader.CurrentDepth > outside)
        {
            reader.Read();
        }

        return fault;
    }

    private static JsonScalarFault Decode(in Utf8JsonReader reader, BytesWriter writer)
    {
        byte[] scratch = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);

        // Escapes are rare here (a solidus may be written as \/), but legal.
        bool valid = JsonStrings.TryUnescape(reader, scratch, out int length)
            && Base64.DecodeFromUtf8InPlace(scratch.AsSpan(0, length), out length) == OperationStatus.Done;
        if (valid)
        {
            writer.Append(scratch.AsSpan(0, length));
        }

        ArrayPool<byte>.Shared.Return(scratch);
        return valid ? JsonScalarFault.None : JsonScalarFault.NotBase64;
    }
}
