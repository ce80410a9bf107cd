namespace ModelGateway.Serving.Models.Configuration;

/// <summary>The keys below <c>limits</c>.</summary>
internal static class ModelLimitsKeys
{
    public static ObjectType<ModelLimits> Limits { get; } = new(
        "a map of limits",
        new ModelLimits(),
        new ValueKey<ModelLimits, long>(
            "max_batch_size",
            new IntegerType(1, 1_000_000),
            limits => limits.MaxBatchSize,
            (limits, rows) => limits with { MaxBatchSize = (int)rows })
        {
            Description = "Largest first dimension of an input whose first dimension is free.",
            WhenUnset = "no bound",
        },
        new ValueKey<ModelLimits, long>(
            "max_body_bytes",
            QuantityType.Size,
            limits => limits.MaxBodyBytes,
            (limits, bytes) => limits with { MaxBodyBytes = bytes })
        {
            Description = "Largest request body, before and after decompression; the gateway's own limit holds as well.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        },
        new ValueKey<ModelLimits, long>(
            "queue_length",
            new IntegerType(0, 100_000),
            limits => limits.QueueLength,
            (limits, length) => limits with { QueueLength = (int)length })
        {
            Description = "Requests that may wait while all instances are busy; one more is refused at once.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        },
        new ValueKey<ModelLimits, long>(
            "timeout",
            QuantityType.Duration,
            limits => (long?)limits.Timeout?.TotalMilliseconds,
            (limits, milliseconds) => limits with { Timeout = TimeSpan.FromMilliseconds(milliseconds) })
        {
            Description = "Longest time for waiting and running together.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        });
}
