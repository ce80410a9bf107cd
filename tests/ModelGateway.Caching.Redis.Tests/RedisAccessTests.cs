using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>Passwords, users and TLS.</summary>
public sealed class RedisAccessTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("redis-access-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("Password=right-horse")]
    [InlineData("PasswordFile={file}")]
    [InlineData("User=default", "Password=right-horse")]
    public async Task ProbeAsync_RightPassword_Succeeds(params string[] settings)
    {
        await using RedisServer server = await RedisServer.StartAsync("requirepass right-horse");
        string file = Write("password", "right-horse\n");

        await using IPredictionStore store = RedisSection.Open([$"Configuration={server.Address}", .. settings.Select(setting => setting.Replace("{file}", file, StringComparison.Ordinal))]);

        await store.AnswersAsync();
    }

    [Theory]
    [InlineData("Configuration={address}", "Password=wrong-horse")]
    [InlineData("Configuration={address},password=wrong-horse")]
    [InlineData("Configuration={address}")]
    public async Task ProbeAsync_WrongPassword_SaysSoWithoutIt(params string[] settings)
    {
        await using RedisServer server = await RedisServer.StartAsync("requirepass right-horse");
        using var logs = new LogLines();

        await using IPredictionStore store = RedisSection.Open(logs, [.. settings.Select(setting => setting.Replace("{address}", server.Address, StringComparison.Ordinal))]);
        Exception failure = await store.FailsAsync("Redis cannot be reached: SimpleError: NOAUTH");

        Assert.DoesNotContain("horse", failure.ToString(), StringComparison.Ordinal);
        await StoreCalls.UntilAsync(() => Task.FromResult(logs.Lines.Count > 0));
        Assert.Contains("Warning 1600 Redis cannot be reached", Assert.Single(logs.Lines), StringComparison.Ordinal);
        Assert.DoesNotContain("horse", logs.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCall_UserWithTheLeastRights_Works()
    {
        await using RedisServer server = await RedisServer.StartAsync(
            "user default off",
            "user gateway on >right-horse ~modelgateway:* &modelgateway:* +get +set +setnx +setex +psetex +del +eval +publish +subscribe +ping +echo");
        using var logs = new LogLines();
        await using IPredictionStore store = RedisSection.Open(logs, $"Configuration={server.Address}", "User=gateway", "Password=right-horse");
        var heard = Channel.CreateUnbounded<string?>();
        store.OnEpochChanged(scope => heard.Writer.TryWrite(scope));
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();

        await store.SetAsync(key, 1);
        Assert.Equal([1], await store.GetAsync(key));
        Assert.Equal(5, await store.EpochAsync("iris", 5));
        Assert.True(await store.TryClaimAsync(key, TimeSpan.FromMinutes(1), CancellationToken.None));
        await store.ReleaseClaimAsync(key, CancellationToken.None);
        Assert.True(await store.TryClaimAsync(key, TimeSpan.FromMinutes(1), CancellationToken.None));
        await StoreCalls.UntilAsync(async () =>
        {
            await store.SetEpochAsync("iris", 1, CancellationToken.None);
            return heard.Reader.TryRead(out string? scope) && scope == "iris";
        });

        Assert.Empty(logs.Lines);
    }

    [Fact]
    public async Task OnEpochChanged_UserMayNotSubscribe_IsLoggedAndTheRestWorks()
    {
        await using RedisServer server = await RedisServer.StartAsync("user default off", "user gateway on >right-horse ~* +@all resetchannels");
        using var logs = new LogLines();
        await using IPredictionStore store = RedisSection.Open(logs, $"Configuration={server.Address}", "User=gateway", "Password=right-horse");

        await StoreCalls.UntilAsync(() => Task.FromResult(logs.Lines.Count > 0));
        await store.AnswersAsync();

        Assert.Contains("Warning 1602", Assert.Single(logs.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProbeAsync_TlsOfAPrivateAuthority_IsBelievedByItsFileOnly()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 stranger = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using RedisServer server = await RedisServer.StartAsync(
            [("ca.pem", authority.ExportCertificatePem()), ("server.pem", certificate.ExportCertificatePem()), ("key.pem", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())],
            "port 0", "tls-port {port}", "tls-auth-clients no", "tls-ca-cert-file {folder}/ca.pem", "tls-cert-file {folder}/server.pem", "tls-key-file {folder}/key.pem", "requirepass right-horse");
        string address = $"Configuration={server.Address}";

        await using IPredictionStore right = RedisSection.Open(address, "Tls=true", $"CaFile={Write("right.pem", authority.ExportCertificatePem())}", "Password=right-horse");
        await using IPredictionStore inString = RedisSection.Open($"{address},ssl=true", $"CaFile={Write("right.pem", authority.ExportCertificatePem())}", "Password=right-horse");
        await using IPredictionStore wrong = RedisSection.Open(address, "Tls=true", $"CaFile={Write("wrong.pem", stranger.ExportCertificatePem())}", "Password=right-horse");
        await using IPredictionStore none = RedisSection.Open(address, "Tls=true", "Password=right-horse");
        await using IPredictionStore plain = RedisSection.Open(address, "Password=right-horse");
        await using IPredictionStore otherName = RedisSection.Open($"{address},sslHost=redis.example", "Tls=true", $"CaFile={Write("right.pem", authority.ExportCertificatePem())}", "Password=right-horse");

        await right.AnswersAsync();
        await inString.AnswersAsync();
        foreach (IPredictionStore store in new[] { wrong, none, plain, otherName })
        {
            Assert.DoesNotContain("horse", (await store.ProbeAsync())!.ToString(), StringComparison.Ordinal);
        }

        await wrong.FailsAsync("certificate");
        await none.FailsAsync("certificate");
        await otherName.FailsAsync("certificate");
    }

    private string Write(string name, string content)
    {
        string file = Path.Combine(_folder.FullName, name);
        File.WriteAllText(file, content);
        return file;
    }
}
