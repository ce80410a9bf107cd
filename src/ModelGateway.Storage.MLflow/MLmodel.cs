using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// What is of use in the file <c>MLmodel</c>, YAML beside a model's files:
/// <code>
/// flavors:
///   onnx:
///     data: model.onnx
///     code: code
/// signature:
///   inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, ...]'
/// </code>
/// Whoever may register models writes it, so it is read event by event, with a bound on its depth.
/// </summary>
internal sealed class MLmodel
{
    public const string FileName = "MLmodel";
    public const int LargestSize = 1 << 20;

    // Real ones nest five levels; YamlDotNet's time grows with the square of the depth.
    private const int Deepest = 32;
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _flavors = new(StringComparer.Ordinal);

    private MLmodel()
    {
    }

    /// <summary>The ONNX file, or its folder, beside the <c>MLmodel</c>; null where there is no ONNX flavour.</summary>
    public string? OnnxData => _values.GetValueOrDefault("flavors/onnx/data");

    /// <summary>The folder with Python code, of no use here; null where there is none.</summary>
    public string? Code => _values.GetValueOrDefault("flavors/onnx/code");

    /// <summary>The names of the flavours.</summary>
    public IReadOnlyCollection<string> Flavors => _flavors;

    /// <summary>Reads the file.</summary>
    /// <exception cref="ModelNotServableException">It is no YAML.</exception>
    public static MLmodel Parse(string text)
    {
        var read = new MLmodel();
        try
        {
            var events = new Parser(new StringReader(text));
            while (events.MoveNext() && events.Current is StreamStart or DocumentStart)
            {
            }

            if (events.Current is MappingStart)
            {
                read.ReadMapping(events, "", 1);
            }

            return read;
        }
        catch (Exception exception) when (exception is YamlException or ArgumentException or InvalidOperationException)
        {
            // YamlDotNet 18.1 lets the latter two out for some broken texts (aaubry/YamlDotNet#541).
            throw new ModelNotServableException($"its file {FileName} is not YAML: {RegistryText.OneLine(exception.Message)}");
        }
    }

    /// <summary>The names of the input's columns in their order, where the signature has a table of plain values; null where not.</summary>
    public IReadOnlyList<string>? ReadColumns()
    {
        if (!_values.TryGetValue("signature/inputs", out string? inputs))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(inputs);
            string?[] names = [.. document.RootElement.EnumerateArray().Select(NameOf)];
            bool isTable = names.Length > 0 && names.All(name => !string.IsNullOrEmpty(name) && !name.AsSpan().ContainsAny('\r', '\n'))
                && names.Distinct(StringComparer.Ordinal).Count() == names.Length;
            return isTable ? [.. names.OfType<string>()] : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Names are a convenience: a signature that cannot be read takes none away that the graph has.
            return null;
        }
    }

    // Null for tensors, and for columns that hold lists, objects or maps: a table has one value a cell.
    private static string? NameOf(JsonElement column) =>
        column.TryGetProperty("type", out JsonElement type) && type.GetString() is "boolean" or "integer" or "long" or "float" or "double" or "string" or "binary"
        && column.TryGetProperty("name", out JsonElement name) ? name.GetString() : null;

    // Begins behind the mapping's start, ends at its end.
    private void ReadMapping(Parser events, string path, int depth)
    {
        while (Next(events) is not MappingEnd)
        {
            string? key = (events.Current as Scalar)?.Value;
            SkipOrRead(events, null, depth);
            _ = Next(events);
            string? below = key is null ? null : $"{path}{key}";
            if (path == "flavors/" && key is not null)
            {
                _flavors.Add(key);
            }

            SkipOrRead(events, below, depth);
        }
    }

    // A path of null: nothing of it is kept.
    private void SkipOrRead(Parser events, string? path, int depth)
    {
        if (depth > Deepest)
        {
            throw new ModelNotServableException($"its file {FileName} is nested more than {Deepest} levels deep");
        }

        switch (events.Current)
        {
            case Scalar scalar when path is not null:
                _values.TryAdd(path, scalar.Value);
                break;
            case MappingStart when path is not null:
                ReadMapping(events, path + "/", depth + 1);
                break;
            case MappingStart:
                while (Next(events) is not MappingEnd)
                {
                    SkipOrRead(events, null, depth + 1);
                }

                break;
            case SequenceStart:
                while (Next(events) is not SequenceEnd)
                {
                    SkipOrRead(events, null, depth + 1);
                }

                break;
        }
    }

    private static ParsingEvent Next(Parser events) =>
        events.MoveNext() ? events.Current! : throw new YamlException("the text ends too early");
}
