using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Auth;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Admin.Refresh;

/// <summary>Announcements over HTTP, to hosts that would not look again by themselves for a day.</summary>
public sealed class RefreshTests
{
    private const string Secret = "not-a-real-secret-0123456789";
    private const string Once = "1.00:00:00";

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("  \n")]
    public async Task Refresh_Everything_NewVersionIsLoaded(string body)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:PollInterval", Once));
        host.Repository.AddVersion("m", 2, TestModels.AddConstant(2));

        (HttpStatusCode status, JsonElement answer) = await PostAsync(host, body);

        Assert.Equal(HttpStatusCode.Accepted, status);
        Assert.Equal([new Uri(host.Repository.Root).AbsoluteUri], Locations(answer));
        await host.WaitUntilReadyAsync("m", 2);
    }

    [Fact]
    public async Task Refresh_VersionStillSettles_IsLoadedWithoutAnotherCall()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(null, ("Gateway:PollInterval", Once), ("Gateway:SettleTime", "00:00:00.200"));
        host.Repository.AddVersion("m", 1, TestModels.AddConstant(1));

        await PostAsync(host, "{}");

        await host.WaitUntilReadyAsync("m", 1);
    }

    [Fact]
    public async Task Refresh_OneOfSeveral_LeavesTheOtherAlone()
    {
        using var first = new RepositoryFolder();
        using var second = new RepositoryFolder();
        await using GatewayHost host = await GatewayHost.StartAsync(
            null,
            ("Gateway:Repository", ""), ("Gateway:PollInterval", Once), ("Gateway:Repositories:0:Uri", first.Root),
            ("Gateway:Repositories:1:Uri", second.Root), ("Gateway:Repositories:1:NamePrefix", "two."));
        first.AddVersion("a", 1, TestModels.AddConstant(1));
        second.AddVersion("b", 1, TestModels.AddConstant(1));

        (_, JsonElement answer) = await PostAsync(host, $$"""{"repository":"{{new Uri(second.Root).AbsoluteUri}}"}""");
        await host.WaitUntilReadyAsync("two.b", 1);
        (_, JsonElement none) = await PostAsync(host, """{"repository":"s3://nothing"}""");

        Assert.Equal([new Uri(second.Root).AbsoluteUri], Locations(answer));
        Assert.Empty(Locations(none));
        await host.WaitUntilAsync(manager => manager.Find("a") is null);
    }

    [Theory]
    [InlineData("{", "The body is not JSON (line 1, byte 2). It may be empty")]
    [InlineData("""{"something":"else"}""", "The body has none of the known shapes. It may be empty, for all repositories, or one of: {} for all repositories, {\"repository\"")]
    [InlineData("""{"repository":"\ud800"}""", "The body has a text that is not Unicode.")]
    public async Task Refresh_BodyAtFault_Is400ThatNamesTheShapes(string body, string error)
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        (HttpStatusCode status, JsonElement answer) = await PostAsync(host, body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith(error, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Contains("MLflow", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refresh_BodyTooLargeOrTooDeep_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await PostAsync(host, $$"""{"repository":"{{new string('x', 256 << 10)}}"}""")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(host, new string('[', 10_000))).Status);
    }

    [Fact]
    public async Task Handshakes_EventGridCloudEventsAndSns_AreAnswered()
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        (HttpStatusCode status, JsonElement answer) = await PostAsync(
            host, """[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6","validationUrl":"https://rp-eastus2.eventgrid.azure.net:553/x"}}]""");
        Assert.Equal((HttpStatusCode.OK, """{"validationResponse":"512d38b6"}"""), (status, answer.GetRawText()));

        using var request = new HttpRequestMessage(HttpMethod.Options, "/v2/repository/refresh");
        request.Headers.Add("WebHook-Request-Origin", "eventgrid.azure.net");
        using HttpResponseMessage welcome = await host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, welcome.StatusCode);
        Assert.Equal("eventgrid.azure.net", welcome.Headers.GetValues("WebHook-Allowed-Origin").Single());
        Assert.Equal("*", welcome.Headers.GetValues("WebHook-Allowed-Rate").Single());

        (status, answer) = await PostAsync(host, """{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-west-2:1:t","Token":"x","SubscribeURL":"http://127.0.0.1:1/"}""");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty(Locations(answer));
    }

    [Fact]
    public async Task Auth_SecretConfigured_OpensThisEndpointAloneInThreeWays()
    {
        await using GatewayHost host = await StartGuardedAsync(("Gateway:Refresh:Secret", Secret));

        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(host, request => request.Headers.Add("X-Webhook-Secret", Secret)));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(host, request => request.Headers.Authorization = Basic($"anyone:{Secret}")));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(host, query: $"?secret={Secret}"));
        Assert.Equal(HttpStatusCode.OK, await SendAsync(host, query: $"?secret={Secret}", method: HttpMethod.Options));
        foreach (string path in new[] { "/v2/logging", "/v2/repository/index", "/v2/repository/models/m/unload", "/predict/m" })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Add("X-Webhook-Secret", Secret), path: path, query: $"?secret={Secret}"));
            Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Authorization = Basic($"anyone:{Secret}"), path: path));
        }
    }

    [Fact]
    public async Task Auth_EventGridsHandshake_IsAnsweredWithTheSecretInTheUrlAndRefusedWithoutIt()
    {
        await using GatewayHost host = await StartGuardedAsync(("Gateway:Refresh:Secret", Secret));

        (HttpStatusCode status, string answer) = await ShakeHandsAsync(host, $"?secret={Secret}");
        Assert.Equal((HttpStatusCode.OK, """{"validationResponse":"512d38b6"}"""), (status, answer));

        foreach (string query in new[] { "", "?secret=", $"?secret={Secret}0", $"?code={Secret}" })
        {
            (status, answer) = await ShakeHandsAsync(host, query);
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.DoesNotContain("512d38b6", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("not-a-real-secret-012345678")]
    [InlineData("not-a-real-secret-01234567890")]
    [InlineData("NOT-A-REAL-SECRET-0123456789")]
    [InlineData(" ")]
    public async Task Auth_WrongSecret_Is401ThatAsksForBoth(string wrong)
    {
        await using GatewayHost host = await StartGuardedAsync(("Gateway:Refresh:Secret", Secret));

        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Add("X-Webhook-Secret", wrong)));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Authorization = Basic($"{Secret}:{wrong}")));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Authorization = new AuthenticationHeaderValue("Basic", "not base64")));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, query: $"?secret={Uri.EscapeDataString(wrong)}"));

        using HttpResponseMessage refused = await host.Client.PostAsync(new Uri("/v2/repository/refresh", UriKind.Relative), null);
        Assert.Equal(["Bearer", "Basic"], refused.Headers.WwwAuthenticate.Select(challenge => challenge.Scheme));
    }

    [Fact]
    public async Task Auth_NoSecretConfigured_TokensOnly()
    {
        byte[] key = new byte[32];
        await using GatewayHost host = await StartGuardedAsync(("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(key)));
        string Token(string scope) => new TestToken().With("scope", scope).Sign(key);

        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, request => request.Headers.Add("X-Webhook-Secret", "")));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, query: "?secret="));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(host, method: HttpMethod.Options));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(host, request => request.Headers.Authorization = new("Bearer", Token("models:read models:predict"))));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(host, request => request.Headers.Authorization = new("Bearer", Token("models:manage"))));
    }

    [Fact]
    public async Task Auth_SecretFile_ItsLineEndIsNotPartOfIt()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, Secret + "\n");
        await using GatewayHost host = await StartGuardedAsync(("Gateway:Refresh:SecretFile", file));
        File.Delete(file);

        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(host, request => request.Headers.Add("X-Webhook-Secret", Secret)));
    }

    [Fact]
    public async Task Logs_AtTheLowestLevel_NeverHoldTheSecret()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            _ => { }, ("Logging__Level", "Verbose"), ("Logging__Requests", "All"), ("Refresh__Secret", Secret),
            ("Auth__Enabled", "true"), ("Auth__Issuer", TestToken.DefaultIssuer), ("Auth__Keys__0__Secret", Convert.ToBase64String(new byte[32])));
        using (HttpResponseMessage accepted = await gateway.PostAsync($"/v2/repository/refresh?secret={Secret}", "{}"))
        {
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        }

        using (HttpResponseMessage refused = await gateway.PostAsync($"/v2/logging?secret={Secret}", "{}"))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        using (HttpResponseMessage waits = await gateway.PostAsync(
            $"/v2/repository/refresh?secret={Secret}", """{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-west-2:1:t","SubscribeURL":"https://evil.example/x"}"""))
        {
            Assert.Equal(HttpStatusCode.OK, waits.StatusCode);
        }

        await gateway.WaitUntilAsync(() => Task.FromResult(gateway.Process.Output.Contains("arn:aws:sns:us-west-2:1:t", StringComparison.Ordinal)), () => "nothing of the subscription was logged");
        Assert.DoesNotContain(Secret, gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("evil.example", gateway.Process.Output, StringComparison.Ordinal);
    }

    private static Task<GatewayHost> StartGuardedAsync(params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        null,
        [("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Issuer", TestToken.DefaultIssuer), ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(new byte[32])), .. settings]);

    private static AuthenticationHeaderValue Basic(string credentials) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));

    private static async Task<HttpStatusCode> SendAsync(
        GatewayHost host, Action<HttpRequestMessage>? change = null, string path = "/v2/repository/refresh", string query = "", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, new Uri(path + query, UriKind.Relative));
        change?.Invoke(request);
        using HttpResponseMessage response = await host.Client.SendAsync(request);
        return response.StatusCode;
    }

    // As Event Grid sends it before a subscription is made: nothing but the URL can hold a secret, unless delivery attributes are set.
    private static async Task<(HttpStatusCode Status, string Answer)> ShakeHandsAsync(GatewayHost host, string query)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/v2/repository/refresh{query}", UriKind.Relative))
        {
            Content = new StringContent(
                """[{"id":"2d1781af","topic":"/subscriptions/x","subject":"","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]""",
                Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("aeg-event-type", "SubscriptionValidation");
        using HttpResponseMessage response = await host.Client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(GatewayHost host, string body)
    {
        // As Amazon SNS sends it.
        using var content = new StringContent(body, Encoding.UTF8, "text/plain");
        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/v2/repository/refresh", UriKind.Relative), content);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    private static IEnumerable<string?> Locations(JsonElement answer) => answer.GetProperty("repositories").EnumerateArray().Select(location => location.GetString());
}
