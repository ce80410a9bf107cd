using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.Protocols;
using ModelGateway.Auth;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>When the keys of an issuer are read, in time that the test moves.</summary>
public sealed class DiscoveredKeySourceTests
{
    private static readonly AuthOptions Options = new()
    {
        Authority = "https://issuer.test/realm/",
        RefreshInterval = TimeSpan.FromSeconds(30),
        AutomaticRefreshInterval = TimeSpan.FromHours(1),
    };

    private readonly FakeTimeProvider _time = new();
    private readonly Documents _documents = new();

    [Fact]
    public async Task Run_Interval_WithdrawnKeyGone()
    {
        DiscoveredKeySource source = Create();
        using var stop = new CancellationTokenSource();
        _documents.Keys = ["one"];
        Task running = source.RunAsync(stop.Token);
        await UntilAsync(() => source.Current?.Knows("one") == true);

        _documents.Keys = ["two"];
        await UntilAsync(() => source.Current?.Knows("two") == true, TimeSpan.FromMinutes(10));

        Assert.False(source.Current!.Knows("one"));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Refresh_WithinInterval_NotRead()
    {
        DiscoveredKeySource source = Create();
        Assert.True(await source.RefreshAsync(null, default));
        Assert.False(await AskedAgainAsync(source));

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(await AskedAgainAsync(source));

        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(await AskedAgainAsync(source));
    }

    [Fact]
    public async Task Refresh_ReadMeanwhile_TrueWithoutReading()
    {
        DiscoveredKeySource source = Create();
        await source.RefreshAsync(null, default);
        int reads = _documents.Reads;

        Assert.True(await source.RefreshAsync(TrustedKeys.None, default));
        Assert.Equal(reads, _documents.Reads);
    }

    [Fact]
    public async Task Refresh_Fails_KeysStay()
    {
        DiscoveredKeySource source = Create();
        await source.RefreshAsync(null, default);
        _documents.Fails = true;
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.False(await source.RefreshAsync(source.Current, default));
        Assert.True(source.Current!.Knows("one"));
    }

    [Fact]
    public async Task Read_NothingUsable_KeysStay()
    {
        DiscoveredKeySource source = Create();
        await source.RefreshAsync(null, default);
        _documents.Keys = [];
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.False(await source.RefreshAsync(source.Current, default));
        Assert.True(source.Current!.Knows("one"));
    }

    [Fact]
    public async Task Read_SecretsAndEncryptionKeys_PassedOver()
    {
        _documents.More = """,{"kty":"oct","kid":"secret","k":"AAAA"},{"kty":"RSA","use":"enc","kid":"enc","n":"AQAB","e":"AQAB"},{"kty":"RSA","kid":"short","n":"AQAB","e":"AQAB"}""";
        DiscoveredKeySource source = Create();

        await source.RefreshAsync(null, default);

        Assert.Equal(1, source.Current!.Count);
        Assert.Empty(source.Current.Find("secret", "HS256"));
    }

    [Fact]
    public async Task Address_TrailingSlash_NotDoubled()
    {
        await Create().RefreshAsync(null, default);
        Assert.Contains("https://issuer.test/realm/.well-known/openid-configuration", _documents.Addresses);
    }

    private DiscoveredKeySource Create() => new(Options, _documents, _time, NullLogger<DiscoveredKeySource>.Instance);

    private async Task<bool> AskedAgainAsync(DiscoveredKeySource source)
    {
        int before = _documents.Reads;
        await source.RefreshAsync(source.Current, default);
        return _documents.Reads > before;
    }

    // The reading runs on the thread pool; the test's clock moves on until it has happened.
    private async Task UntilAsync(Func<bool> condition, TimeSpan step = default)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            _time.Advance(step);
            await Task.Delay(5, patience.Token);
        }
    }

    private sealed class Documents : IDocumentRetriever
    {
        private readonly string _modulus = Modulus();
        private int _reads;

        public string[] Keys { get; set; } = ["one"];

        public string More { get; set; } = "";

        public bool Fails { get; set; }

        public int Reads => Volatile.Read(ref _reads);

        public List<string> Addresses { get; } = [];

        public Task<string> GetDocumentAsync(string address, CancellationToken cancel)
        {
            Addresses.Add(address);
            if (Fails)
            {
                throw new IOException("down");
            }

            if (address.EndsWith("configuration", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _reads);
                return Task.FromResult("""{"issuer":"https://issuer.test","jwks_uri":"https://issuer.test/jwks"}""");
            }

            IEnumerable<string> keys = Keys.Select(id => JsonSerializer.Serialize(new { kty = "RSA", kid = id, n = _modulus, e = "AQAB" }));
            return Task.FromResult($"{{\"keys\":[{string.Join(",", keys)}{More}]}}");
        }

        private static string Modulus()
        {
            using var key = RSA.Create(2048);
            return TestToken.Encode(key.ExportParameters(includePrivateParameters: false).Modulus);
        }
    }
}
