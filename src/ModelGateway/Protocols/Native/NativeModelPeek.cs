using System.Diagnostics.CodeAnalysis;
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
    /// False with a fault where no model is named, a value is of the wrong kind, or the body is no JSON as far as it was looked
    /// at. The version is null where none is named.
    /// </summary>
    public static bool TryReadModel(JsonText text, FaultList faults, [NotNullWhen(true)] out string? model, out string? version)
    {
        model = null;
        version = null;
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
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
            return false;
        }

        if (model is null)
        {
            faults.Add("model", "The body names no 'model'; name it there, or in the path: /predict/{model}.", "a string", "nothing");
        }

        return model is not null;
    }

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
