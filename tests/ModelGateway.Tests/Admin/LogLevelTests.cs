using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;

namespace ModelGateway.Tests.Admin;

/// <summary>The log level over HTTP, in our own words and in those of Triton's logging extension.</summary>
public sealed class LogLevelTests : IAsyncLifetime
{
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync();

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Theory]
    [InlineData("""{"level":"Warning"}""", "Warning", 0)]
    [InlineData("""{"level":"debug","log_verbose_level":0}""", "Debug", 1)]
    [InlineData("""{"log_verbose_level":1,"log_file":"","log_format":"default"}""", "Debug", 1)]
    [InlineData("""{"log_info":true}""", "Information", 0)]
    public async Task Set_WithoutContentType_ChangesTheLevel(string body, string level, int verbose)
    {
        // As Triton's client sends it.
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        using HttpResponseMessage response = await Host.Client.PostAsync(new Uri("/v2/logging", UriKind.Relative), content);
        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        using JsonDocument read = JsonDocument.Parse(await Host.Client.GetStringAsync("/v2/logging"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((level, verbose), (answer.RootElement.GetProperty("level").GetString(), answer.RootElement.GetProperty("log_verbose_level").GetInt32()));
        Assert.Equal(answer.RootElement.GetRawText(), read.RootElement.GetRawText());
    }

    [Theory]
    [InlineData("""{"level":"loud"}""", "'level' must be one of Verbose, Debug, Information, Warning, Error, Fatal.")]
    [InlineData("""{"level":7}""", "The body must be a JSON object, for example {\"level\": \"Debug\"}.")]
    [InlineData("null", "The body must be a JSON object, for example {\"level\": \"Debug\"}.")]
    [InlineData("", "The body must be a JSON object, for example {\"level\": \"Debug\"}.")]
    public async Task Set_BodyAtFault_Is400(string body, string error)
    {
        using var content = new StringContent(body);
        using HttpResponseMessage response = await Host.Client.PostAsync(new Uri("/v2/logging", UriKind.Relative), content);
        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());

        Assert.Equal((HttpStatusCode.BadRequest, error), (response.StatusCode, answer.RootElement.GetProperty("error").GetString()));
    }
}
