using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// Finds the model and the version that a native body names, wherever they stand in it: the body can be read only once the
/// signature is known, and the signature only once the model is.
/// </summary>
internal static class NativeModelPeek
{
    /// <summary>
    /// False with a fault where the body is no JSON as far as it was looked at, or a value is of the wrong kind. True with
    /// nulls where nothing is named; a body without these words costs two searches.
    /// </summary>
    public static bool TryReadModel(JsonText text, FaultList faults, out string? model, out string? version)
    {
        model = null;
        version = null;
        if (!MayName(text.Span))
        {
            return true;
        }

        try
        {
            Utf8JsonReader reader = text.CreateReader();
            reader.Read();
            bool isObject = reader.TokenType == JsonTokenType.StartObject;
            while (isObject && (model is null || version is null) && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ReadMember(ref reader, text, faults, ref model, ref version);
                if (!faults.IsEmpty)
                {
                    return false;
                }
            }

            return true;
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
            return false;
        }
    }

    // A key may be spelled with escapes, so a backslash anywhere is a reason to look.
    private static bool MayName(ReadOnlySpan<byte> text) =>
        text.IndexOf("\"model\""u8) >= 0 || text.IndexOf("\"version\""u8) >= 0 || text.Contains((byte)'\\');

    private static void ReadMember(ref Utf8JsonReader reader, JsonText text, FaultList faults, ref string? model, ref string? version)
    {
        if (!JsonName.TryRead(reader, out JsonName key))
        {
            faults.Add(null, "A key of the body has half of a surrogate pair, which is no Unicode text.");
            return;
        }

        // The first of each counts; a second one is a fault that the reader of the body finds.
        bool isModel = model is null && key.Is("model"u8);
        bool isVersion = version is null && key.Is("version"u8);
        reader.Read();
        if (isModel)
        {
            model = NativeOptions.ReadModel(reader, text, faults);
        }
        else if (isVersion)
        {
            version = NativeOptions.ReadVersion(reader, text, faults);
        }

        reader.Skip();
    }
}
