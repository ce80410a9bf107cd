using System.Globalization;
using System.Text.Json.Serialization;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Protocols.OpenInference;

/// <summary><c>GET /v2/models[/{m}[/versions/{v}]]/stats</c>, in the format of Triton's statistics extension.</summary>
internal sealed record StatisticsAnswer([property: JsonPropertyName("model_stats")] IReadOnlyList<VersionStatisticsAnswer> ModelStats);

/// <summary>The totals of one version since it was loaded.</summary>
/// <param name="Name">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="LastInference">Milliseconds since 1970; 0 if there was none.</param>
/// <param name="InferenceCount">Rows predicted.</param>
/// <param name="ExecutionCount">Runs of the graph.</param>
/// <param name="InferenceStats">Where the time went.</param>
/// <param name="ResponseStats">Only decoupled models have any, and there are none here.</param>
/// <param name="BatchStats">Runs by their rows.</param>
/// <param name="MemoryUsage">An estimate.</param>
internal sealed record VersionStatisticsAnswer(
    string Name,
    string Version,
    [property: JsonPropertyName("last_inference")] long LastInference,
    [property: JsonPropertyName("inference_count")] long InferenceCount,
    [property: JsonPropertyName("execution_count")] long ExecutionCount,
    [property: JsonPropertyName("inference_stats")] InferenceStatisticsAnswer InferenceStats,
    [property: JsonPropertyName("response_stats")] IReadOnlyDictionary<string, InferenceStatisticsAnswer> ResponseStats,
    [property: JsonPropertyName("batch_stats")] IReadOnlyList<BatchStatisticsAnswer> BatchStats,
    [property: JsonPropertyName("memory_usage")] IReadOnlyList<MemoryUsageAnswer> MemoryUsage)
{
    public static VersionStatisticsAnswer Of(Servable servable)
    {
        ServableStatistics statistics = servable.Statistics;
        return new VersionStatisticsAnswer(
            servable.Id.Model,
            servable.Id.Version.ToString(CultureInfo.InvariantCulture),
            statistics.LastInferenceUnixMilliseconds,
            statistics.Inferences,
            statistics.Executions,
            InferenceStatisticsAnswer.Of(statistics),
            new Dictionary<string, InferenceStatisticsAnswer>(),
            [.. statistics.Batches.Select(batch => new BatchStatisticsAnswer(
                batch.Rows, DurationAnswer.Of(batch.Input), DurationAnswer.Of(batch.Infer), DurationAnswer.Of(batch.Output)))],
            [new MemoryUsageAnswer("CPU", 0, servable.MemoryEstimate)]);
    }
}

/// <summary>Requests and their stages.</summary>
internal sealed record InferenceStatisticsAnswer(
    DurationAnswer Success,
    DurationAnswer Fail,
    DurationAnswer Queue,
    [property: JsonPropertyName("compute_input")] DurationAnswer ComputeInput,
    [property: JsonPropertyName("compute_infer")] DurationAnswer ComputeInfer,
    [property: JsonPropertyName("compute_output")] DurationAnswer ComputeOutput,
    [property: JsonPropertyName("cache_hit")] DurationAnswer CacheHit,
    [property: JsonPropertyName("cache_miss")] DurationAnswer CacheMiss)
{
    public static InferenceStatisticsAnswer Of(ServableStatistics statistics) => new(
        DurationAnswer.Of(statistics.Success),
        DurationAnswer.Of(statistics.Fail),
        DurationAnswer.Of(statistics.Queue),
        DurationAnswer.Of(statistics.ComputeInput),
        DurationAnswer.Of(statistics.ComputeInfer),
        DurationAnswer.Of(statistics.ComputeOutput),
        DurationAnswer.Of(statistics.CacheHit),
        DurationAnswer.Of(statistics.CacheMiss));
}

/// <summary>Runs of one batch size.</summary>
internal sealed record BatchStatisticsAnswer(
    [property: JsonPropertyName("batch_size")] long BatchSize,
    [property: JsonPropertyName("compute_input")] DurationAnswer ComputeInput,
    [property: JsonPropertyName("compute_infer")] DurationAnswer ComputeInfer,
    [property: JsonPropertyName("compute_output")] DurationAnswer ComputeOutput);

/// <summary>How often, and how long together in nanoseconds.</summary>
internal sealed record DurationAnswer(long Count, long Ns)
{
    public static DurationAnswer Of((long Count, long Nanoseconds) total) => new(total.Count, total.Nanoseconds);
}

/// <summary>Memory that a version holds.</summary>
internal sealed record MemoryUsageAnswer(string Type, int Id, [property: JsonPropertyName("byte_size")] long ByteSize);
