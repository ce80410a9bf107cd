using System.Text.Json;

namespace ModelGateway.Tests.Auth;

/// <summary>What came back.</summary>
public sealed record Answer(int Status, string Challenge, string? ContentType, string Body)
{
    /// <summary>The reason in the problem details.</summary>
    public string Detail => JsonDocument.Parse(Body).RootElement.GetProperty("detail").GetString()!;
}
