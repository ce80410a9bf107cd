using ModelGateway.Observability.Tracing;
using Xunit;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>What the configuration may say of the collector, and what an operator reads where it says something else.</summary>
public sealed class ConfiguredCollectorTests
{
    [Theory]
    [InlineData("http://collector:4317", "Grpc", "http://collector:4317/")]
    [InlineData("https://collector:4318", "Http", "https://collector:4318/v1/traces")]
    [InlineData("https://collector:4318/", "Http", "https://collector:4318/v1/traces")]
    [InlineData("https://collector/otlp/traces", "Http", "https://collector/otlp/traces")]
    public void Endpoint_ThatIsAUrl_IsTaken(string endpoint, string protocol, string expected)
    {
        ConfiguredCollector? collector = Read(new TracingOptions { Endpoint = endpoint, Protocol = Enum.Parse<TracingProtocol>(protocol) }, out List<string> faults);

        Assert.Empty(faults);
        Assert.Equal(expected, collector!.Endpoint.AbsoluteUri);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public void Endpoint_ThatIsNotThere_IsNoCollectorAndNoFault(string? endpoint)
    {
        Assert.Null(Read(new TracingOptions { Endpoint = endpoint }, out List<string> faults));
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData("collector:4317")]
    [InlineData("grpc://collector:4317")]
    [InlineData("http://user:pass-word@collector:4317")]
    public void Endpoint_ThatIsNoUrl_IsAFaultThatNamesItsKey(string endpoint)
    {
        Assert.Null(Read(new TracingOptions { Endpoint = endpoint }, out List<string> faults));
        Assert.StartsWith("Gateway:Tracing:Endpoint ", Assert.Single(faults), StringComparison.Ordinal);
        Assert.DoesNotContain("pass-word", faults[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("secret-value", "Gateway:Tracing:Headers: header 1 ")]
    [InlineData("a=1,secret-value", "Gateway:Tracing:Headers: header 2 ")]
    [InlineData("a b=secret-value", "Gateway:Tracing:Headers: header 1 ")]
    public void Headers_ThatAreNone_AreAFaultThatDoesNotRepeatThem(string headers, string fault)
    {
        Assert.Null(Read(new TracingOptions { Endpoint = "http://collector", Headers = headers }, out List<string> faults));
        Assert.StartsWith(fault, Assert.Single(faults), StringComparison.Ordinal);
        Assert.DoesNotContain("secret-value", faults[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Headers_InBothPlaces_OrInAFileThatIsNotThere_AreAFault()
    {
        Read(new TracingOptions { Endpoint = "http://collector", Headers = "a=1", HeadersFile = "headers" }, out List<string> both);
        Read(new TracingOptions { Endpoint = "http://collector", HeadersFile = "headers" }, out List<string> missing);

        Assert.Contains("keep one", Assert.Single(both), StringComparison.Ordinal);
        Assert.StartsWith("Gateway:Tracing:HeadersFile names a file that cannot be read", Assert.Single(missing), StringComparison.Ordinal);
    }

    private static ConfiguredCollector? Read(TracingOptions options, out List<string> faults)
    {
        faults = [];
        return ConfiguredCollector.Read(options, Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("n")), faults);
    }
}
