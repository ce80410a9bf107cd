using System.Globalization;
using System.Text.Json.Serialization;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// <c>GET /v2/models/{m}[/versions/{v}]/config</c>: the settings in force, in the words of Triton's model configuration.
/// <c>max_batch_size</c> is always 0, which there means that dimensions are complete, the batch included.
/// </summary>
internal sealed record ModelConfigAnswer(
    string Name,
    string Platform,
    string Backend,
    [property: JsonPropertyName("version_policy")] VersionPolicyAnswer VersionPolicy,
    [property: JsonPropertyName("max_batch_size")] int MaxBatchSize,
    IReadOnlyList<TensorConfigAnswer> Input,
    IReadOnlyList<TensorConfigAnswer> Output,
    [property: JsonPropertyName("instance_group")] IReadOnlyList<InstanceGroupAnswer> InstanceGroup,
    [property: JsonPropertyName("default_model_filename")] string DefaultModelFilename,
    IReadOnlyDictionary<string, ParameterAnswer> Parameters)
{
    /// <param name="servable">The version asked for.</param>
    /// <param name="versionPolicy">The one in force, which may be newer than the one it was loaded with.</param>
    /// <param name="executionProvider">The gateway's, for models that name none.</param>
    public static ModelConfigAnswer Of(Servable servable, VersionPolicy versionPolicy, string executionProvider)
    {
        ModelConfig config = servable.Config;
        string kind = (config.ExecutionProvider ?? executionProvider) == "cpu" ? "KIND_CPU" : "KIND_AUTO";
        return new ModelConfigAnswer(
            servable.Id.Model,
            ModelMetadataAnswer.OnnxPlatform,
            "onnxruntime",
            VersionPolicyAnswer.Of(versionPolicy),
            0,
            [.. servable.Signature.Inputs.Select(TensorConfigAnswer.Of)],
            [.. WireOutputs.Of(servable.Signature).All.Select(output => TensorConfigAnswer.Of(output, servable.ClassLabels))],
            [new InstanceGroupAnswer(servable.Id.Model, kind, servable.Pool.Concurrency)],
            ModelArtifact.ModelFileName,
            DescribeParameters(config));
    }

    private static Dictionary<string, ParameterAnswer> DescribeParameters(ModelConfig config)
    {
        var parameters = new Dictionary<string, ParameterAnswer>
        {
            ["graph_optimization"] = new(config.GraphOptimization.ToString().ToLowerInvariant()),
        };
        if (config.Threads is { } threads)
        {
            parameters.Add("intra_op_thread_count", new ParameterAnswer(threads.ToString(CultureInfo.InvariantCulture)));
        }

        if (config.MemoryArena is { } arena)
        {
            parameters.Add("enable_mem_arena", new ParameterAnswer(arena ? "1" : "0"));
        }

        return parameters;
    }
}

/// <summary>Exactly one of the three.</summary>
internal sealed record VersionPolicyAnswer(VersionPolicyAnswer.LatestAnswer? Latest, VersionPolicyAnswer.AllAnswer? All, VersionPolicyAnswer.SpecificAnswer? Specific)
{
    public static VersionPolicyAnswer Of(VersionPolicy policy) => policy switch
    {
        VersionPolicy.Latest latest => new VersionPolicyAnswer(new LatestAnswer(latest.Count), null, null),
        VersionPolicy.Specific specific => new VersionPolicyAnswer(null, null, new SpecificAnswer(specific.Versions)),
        _ => new VersionPolicyAnswer(null, new AllAnswer(), null),
    };

    internal sealed record LatestAnswer([property: JsonPropertyName("num_versions")] int NumVersions);

    internal sealed record AllAnswer;

    internal sealed record SpecificAnswer(IReadOnlyList<long> Versions);
}

/// <summary>One input or output.</summary>
/// <param name="Name">The name.</param>
/// <param name="DataType">Triton's name of the type.</param>
/// <param name="Dims">Dimensions, -1 where they vary; [-1] for an unknown rank.</param>
/// <param name="Optional">Inputs only.</param>
/// <param name="Labels">Beyond Triton's words, where it has a file's name: the class names that the classification extension writes.</param>
internal sealed record TensorConfigAnswer(
    string Name, [property: JsonPropertyName("data_type")] string DataType, long[] Dims, bool? Optional, IReadOnlyList<string>? Labels)
{
    public static TensorConfigAnswer Of(TensorSpec input) => new(input.Name, TypeName(input.Type), input.Dimensions ?? [-1], input.Optional, null);

    public static TensorConfigAnswer Of(WireOutput output, IReadOnlyDictionary<string, IReadOnlyList<string>> labels) => new(
        output.Name,
        TypeName(output.Type),
        output.Shape ?? [-1],
        null,
        output.Part == WirePart.Values && !output.Source.IsMap && output.Type != TensorType.Bytes ? labels.GetValueOrDefault(output.Source.Name) : null);

    private static string TypeName(TensorType type) => "TYPE_" + (type == TensorType.Bytes ? "STRING" : type.Name());
}

/// <summary>The runs that may go on at a time.</summary>
internal sealed record InstanceGroupAnswer(string Name, string Kind, int Count);

/// <summary>A value in Triton's wrapping.</summary>
internal sealed record ParameterAnswer([property: JsonPropertyName("string_value")] string StringValue);
