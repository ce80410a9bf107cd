using System.Text.Json;

namespace ModelGateway.Protocols.Json;

/// <summary>Takes strings out of JSON.</summary>
internal static class JsonStrings
{
    /// <summary>
    /// Writes the text of the string or key under the reader, which is never longer than it is escaped. False where an
    /// escape is half of a surrogate pair.
    /// </summary>
    public static bool TryUnescape(in Utf8JsonReader reader, Span<byte> to, out int length)
    {
        try
        {
            length = reader.CopyString(to);
            return true;
        }
        catch (InvalidOperationException)
        {
            // The only way to learn it short of unescaping by hand. An exception is slow, but every one of these is a fault, and
            // reading stops after a few faults of an input and after FaultList.Capacity of a request.
            length = 0;
            return false;
        }
    }
}
