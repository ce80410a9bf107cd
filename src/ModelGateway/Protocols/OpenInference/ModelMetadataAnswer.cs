using System.Globalization;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary><c>GET /v2/models/{m}[/versions/{v}]</c></summary>
/// <param name="Name">The model.</param>
/// <param name="Versions">The versions that are ready, ascending.</param>
/// <param name="Platform">What the model is made for; Triton's name for it.</param>
/// <param name="Inputs">Of the version asked for.</param>
/// <param name="Outputs">Of the version asked for; see <see cref="WireOutputs"/> for what is no tensor.</param>
/// <param name="Parameters">Beyond the protocol: the version described, its digest, and what the file and its configuration say.</param>
/// <param name="Labels">Beyond the protocol: the model's version labels.</param>
internal sealed record ModelMetadataAnswer(
    string Name,
    IReadOnlyList<string> Versions,
    string Platform,
    IReadOnlyList<TensorMetadataAnswer> Inputs,
    IReadOnlyList<TensorMetadataAnswer> Outputs,
    IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyDictionary<string, long>? Labels)
{
    public const string OnnxPlatform = "onnxruntime_onnx";

    public static ModelMetadataAnswer Of(Servable servable, ModelView model)
    {
        ModelSignature signature = servable.Signature;
        return new ModelMetadataAnswer(
            servable.Id.Model,
            [.. model.Versions.Where(version => version.Servable is not null).Select(version => version.Id.Version.ToString(CultureInfo.InvariantCulture))],
            OnnxPlatform,
            [.. signature.Inputs.Select(TensorMetadataAnswer.Of)],
            [.. WireOutputs.Of(signature).All.Select(TensorMetadataAnswer.Of)],
            Describe(servable, model.Config),
            model.Labels.Count == 0 ? null : model.Labels);
    }

    private static Dictionary<string, string> Describe(Servable servable, ModelConfig config)
    {
        var parameters = new Dictionary<string, string>
        {
            ["version"] = servable.Id.Version.ToString(CultureInfo.InvariantCulture),
            ["digest"] = servable.Digest,
        };
        string? description = config.Description ?? servable.Metadata.Description;
        if (description.Length > 0)
        {
            parameters.Add("description", description);
        }

        if (servable.Metadata.Producer.Length > 0)
        {
            parameters.Add("producer", servable.Metadata.Producer);
        }

        // The prefix keeps what anyone may write apart from what the gateway says itself.
        foreach ((string name, string value) in config.VersionMetadata.GetValueOrDefault(servable.Id.Version, config.Metadata).Concat(config.Metadata))
        {
            parameters.TryAdd("metadata." + name, value);
        }

        return parameters;
    }
}

/// <summary>One input or output.</summary>
/// <param name="Name">The name.</param>
/// <param name="Datatype">The protocol's name of the type.</param>
/// <param name="Shape">
/// Dimensions, -1 where they vary. The protocol has no word for an unknown rank: it is [-1] here, and the parameter
/// <c>dimensions</c> then reads "any shape".
/// </param>
/// <param name="Parameters">
/// Beyond the protocol: the dimensions with their names, whether an input may be left out, and the names of its columns; null where there is
/// nothing to add.
/// </param>
internal sealed record TensorMetadataAnswer(string Name, string Datatype, long[] Shape, TensorParametersAnswer? Parameters)
{
    public static TensorMetadataAnswer Of(TensorSpec input) =>
        new(input.Name, input.Type.Name(), input.Dimensions ?? [-1], TensorParametersAnswer.Of(input));

    public static TensorMetadataAnswer Of(WireOutput output) => new(
        output.Name,
        output.Type.Name(),
        output.Shape ?? [-1],
        output.Part switch
        {
            WirePart.Elements => new TensorParametersAnswer($"a sequence, answered as {output.ElementPrefix}0, {output.ElementPrefix}1, ...", null, null),
            WirePart.Labels => new TensorParametersAnswer($"the label of each column of {output.Source.Name}", null, null),
            _ => TensorParametersAnswer.Of(output.Source.Values),
        });
}

/// <summary>What the protocol has no member for.</summary>
internal sealed record TensorParametersAnswer(string? Dimensions, bool? Optional, IReadOnlyList<string>? Columns)
{
    public static TensorParametersAnswer? Of(TensorSpec spec)
    {
        bool isNamed = spec.Dimensions is null || spec.DimensionNames.Any(name => name.Length > 0);
        return isNamed || spec.Optional || spec.Columns is not null
            ? new TensorParametersAnswer(isNamed ? spec.FormatDimensions() : null, spec.Optional ? true : null, spec.Columns?.Names)
            : null;
    }
}
