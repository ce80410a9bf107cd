using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What the section Gateway:Cache may hold: faults come at once, each with its key, and nothing secret is ever shown.</summary>
public sealed class CacheSettingsTests
{
    private const string Secret = "c29tZS1oaWRkZW4td29yZHMtb2YtMzItYnl0ZXMtb3ItbW9yZQ==";
    private const string Redis = "Gateway:Cache:Redis:Configuration=127.0.0.1:1";
    private const string Memcached = "Gateway:Cache:Memcached:Servers=127.0.0.1:1";

    public static TheoryData<string, string[]> Wrong => new()
    {
        { "Gateway:Cache:KeySecret is not base64 of 32 bytes or more", ["Gateway:Cache:KeySecret=c2hvcnQtaGlkZGVu"] },
        { "Gateway:Cache:KeySecret is not base64 of 32 bytes or more", ["Gateway:Cache:KeySecret=!hidden!"] },
        { "Gateway:Cache:KeySecretFile", ["Gateway:Cache:KeySecretFile=missing-file"] },
        { "Gateway:Cache needs exactly one of KeySecret and KeySecretFile", [$"Gateway:Cache:KeySecret={Secret}", "Gateway:Cache:KeySecretFile=any"] },
        { "Gateway:Cache:Encryption:KeyId is 'new', which is the Id of none of the keys", ["Gateway:Cache:Encryption:KeyId=new", "Gateway:Cache:Encryption:Keys:0:Id=old", $"Gateway:Cache:Encryption:Keys:0:Key={Key}"] },
        { "Gateway:Cache:Encryption:KeyId is set and there are no keys", ["Gateway:Cache:Encryption:KeyId=new"] },
        { "Gateway:Cache:Encryption:Keys:0:Key holds 5 bytes", ["Gateway:Cache:Encryption:Keys:0:Id=a", "Gateway:Cache:Encryption:Keys:0:Key=c2hvcnQ="] },
        { "Gateway:Cache:Encryption:Keys holds the Id 'a' more than once", ["Gateway:Cache:Encryption:Keys:0:Id=a", $"Gateway:Cache:Encryption:Keys:0:Key={Key}", "Gateway:Cache:Encryption:Keys:1:Id=a", $"Gateway:Cache:Encryption:Keys:1:Key={Key}"] },
        { "Gateway:Cache:Redis and Gateway:Cache:Memcached are all set: keep one store", [Redis, Memcached] },
        { "Gateway:Cache:CoalesceAcrossReplicas is set and there is no shared store", ["Gateway:Cache:CoalesceAcrossReplicas=true"] },
        { "Gateway:Cache:TenantClaim is set and Gateway:Auth:Enabled is false", ["Gateway:Cache:TenantClaim=sub"] },
        { "MaxBytes", ["Gateway:Cache:MaxBytes=-1"] },
        { "Ttl", ["Gateway:Cache:Ttl=00:00:00.5"] },
        { "Ttl", ["Gateway:Cache:Ttl=31.00:00:00"] },
        { "MaxValueBytes", ["Gateway:Cache:MaxValueBytes=0"] },
        { "StoreTimeout", ["Gateway:Cache:StoreTimeout=00:00:00"] },
        { "Gateway:Cache:Redis:KeyPrefix", [Redis, "Gateway:Cache:Redis:KeyPrefix={one}"] },
        { "Gateway:Cache:Redis", ["Gateway:Cache:Redis:Configuration=:::,hidden=word"] },
        { "Gateway:Cache:Memcached:Servers: entry 2", ["Gateway:Cache:Memcached:Servers=127.0.0.1:1,user:hidden@host:x"] },
    };

    private static string Key => Convert.ToBase64String(new byte[32]);

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Settings_Wrong_AreRefusedWithTheirKey(string fault, string[] settings)
    {
        string faults = Faults(settings);
        Assert.Contains(fault, faults, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", faults, StringComparison.Ordinal);
        Assert.All(settings.Where(setting => setting.Contains("Key=", StringComparison.Ordinal) || setting.Contains("KeySecret=", StringComparison.Ordinal)), setting =>
            Assert.DoesNotContain(setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..], faults, StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_SeveralWrong_AllAtOnce()
    {
        string faults = Faults(
            "Gateway:Cache:KeySecret=c2hvcnQ=", "Gateway:Cache:Encryption:KeyId=x", Redis, Memcached, "Gateway:Cache:TenantClaim=sub", "Gateway:Cache:Redis:KeyPrefix={one}");
        Assert.All(
            new[] { "Gateway:Cache:KeySecret ", "Gateway:Cache:Encryption:KeyId ", "Gateway:Cache:Memcached are all set", "Gateway:Cache:TenantClaim ", "Gateway:Cache:Redis:KeyPrefix" },
            key => Assert.Contains(key, faults, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData]
    [InlineData(Redis, "Gateway:Cache:CoalesceAcrossReplicas=true", $"Gateway:Cache:KeySecret={Secret}")]
    [InlineData(Memcached)]
    [InlineData("Gateway:Cache:MaxBytes=0", "Gateway:Cache:Enabled=false")]
    public void Settings_Right_AreTaken(params string[] settings) => Assert.Equal("", Faults(settings));

    [Fact]
    public async Task Start_WrongSettings_FailsAndShowsNoSecret()
    {
        await using HttpGateway gateway = HttpGateway.Start(
            _ => { },
            ("Cache__KeySecret", "c2hvcnQtaGlkZGVu"),
            ("Cache__Redis__Configuration", "redis.example:6379,password=hidden-one,user=alice"),
            ("Cache__Redis__Password", "hidden-two"),
            ("Cache__Memcached__Servers", "user:hidden-three@memcached.example:11211"));

        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        foreach (string key in new[] { "Gateway:Cache:KeySecret", "Gateway:Cache:Redis", "Gateway:Cache:Memcached" })
        {
            Assert.Contains(key, gateway.Process.Output, StringComparison.Ordinal);
        }

        foreach (string secret in new[] { "c2hvcnQtaGlkZGVu", "hidden", "redis.example", "alice", "   at " })
        {
            Assert.DoesNotContain(secret, gateway.Process.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Start_StoreAway_AnswersAndLogsNoConnectionString()
    {
        string password = $"hidden-{Guid.NewGuid():N}";
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)),
            ("Cache__Redis__Configuration", $"127.0.0.1:{TestKit.Hosting.NginxServer.FreePort()},connectTimeout=333"),
            ("Cache__Redis__Password", password),
            ("Logging__Level", "Verbose"));

        // Until it is told that the store is away; predictions do not wait for it.
        await gateway.WaitUntilAsync(
            async () =>
            {
                using HttpResponseMessage response = await gateway.PostAsync("/predict/m", """{"inputs":{"x":[[1]]}}""");
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                return gateway.Process.Output.Contains("is left alone", StringComparison.Ordinal);
            },
            () => "The store was not left alone");

        Assert.DoesNotContain(password, gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("connectTimeout=333", gateway.Process.Output, StringComparison.OrdinalIgnoreCase);
        using HttpResponseMessage ready = await gateway.GetAsync("/health/ready");
        string reason = await ready.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.DoesNotContain(password, reason, StringComparison.Ordinal);
    }

    private static string Faults(params string[] settings)
    {
        using var repository = new RepositoryFolder();
        try
        {
            using var app = GatewayApp.Build([
                "--environment=Production", $"--Gateway:Repository={repository.Root}", "--Gateway:Auth:Enabled=false", "--Gateway:Logging:Level=Fatal", .. settings.Select(setting => $"--{setting}")]);
            _ = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value;
            return "";
        }
        catch (OptionsValidationException exception)
        {
            return string.Join('\n', exception.Failures);
        }
    }
}
