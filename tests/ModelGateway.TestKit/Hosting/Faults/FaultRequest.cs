namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>A request as it arrived at a <see cref="FaultProxy"/>.</summary>
/// <param name="Number">The first one is 1.</param>
/// <param name="Method">In upper case.</param>
/// <param name="PathAndQuery">As sent, percent-encoding and all.</param>
/// <param name="Range">The Range header, or null.</param>
public sealed record FaultRequest(int Number, string Method, string PathAndQuery, string? Range)
{
    /// <summary>The Authorization header, or null.</summary>
    public string? Authorization { get; init; }

    /// <summary>Without the query.</summary>
    public string Path => PathAndQuery.Split('?', 2)[0];
}
