using System.Globalization;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using ModelGateway.Auth;
using Xunit;

namespace ModelGateway.Tests.Auth;

public sealed class AcceptedTokensTests : IDisposable
{
    private static readonly TrustedKeys Keys = new("issuer", []);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly ChangeableOptions _options = new();
    private readonly RevokedTokens _revoked;
    private readonly AcceptedTokens _tokens;

    public AcceptedTokensTests()
    {
        _revoked = new RevokedTokens(_options);
        _tokens = new AcceptedTokens(_time, _revoked);
    }

    public void Dispose() => _revoked.Dispose();

    [Fact]
    public void TryGet_Added_Found()
    {
        TokenGrant grant = Add("token");

        Assert.True(_tokens.TryGet("token", Keys, out TokenGrant? found));
        Assert.Same(grant, found);
        Assert.False(_tokens.TryGet("toke", Keys, out _));
        Assert.False(_tokens.TryGet("token2", Keys, out _));
    }

    [Fact]
    public void TryGet_Expired_NotFound()
    {
        Add("token");
        _time.Advance(TimeSpan.FromMinutes(59));
        Assert.True(_tokens.TryGet("token", Keys, out _));

        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(_tokens.TryGet("token", Keys, out _));
    }

    [Fact]
    public void TryGet_KeysReadAnew_NotFound()
    {
        Add("token");
        Assert.False(_tokens.TryGet("token", new TrustedKeys("issuer", []), out _));
        Assert.False(_tokens.TryGet("token", null, out _));
    }

    [Fact]
    public void TryGet_RevocationsChanged_NotFoundUntilCheckedAgain()
    {
        Add("token");
        _options.Change(new GatewayOptions { Auth = { ClockSkew = TimeSpan.Zero } });
        Assert.True(_tokens.TryGet("token", Keys, out _));

        _options.Change(new GatewayOptions { Auth = { RevokedTokens = ["some"] } });
        Assert.False(_tokens.TryGet("token", Keys, out _));

        Add("token");
        Assert.True(_tokens.TryGet("token", Keys, out _));
    }

    [Fact]
    public void Add_Many_OldOnesGoAndUsedOnesStay()
    {
        Add("used");
        Add("unused");
        for (int i = 0; i < 5000; i++)
        {
            Add(i.ToString(CultureInfo.InvariantCulture));
            Assert.True(_tokens.TryGet("used", Keys, out _));
        }

        Assert.False(_tokens.TryGet("unused", Keys, out _));
        Assert.True(_tokens.TryGet("4999", Keys, out _));
    }

    private TokenGrant Add(string token)
    {
        var grant = new TokenGrant(new JsonWebToken(new TestToken().Sign(new byte[32])), new AuthOptions());
        _tokens.Add(token, grant, Keys, _revoked.Current, _time.GetUtcNow().UtcDateTime.AddHours(1));
        return grant;
    }

    private sealed class ChangeableOptions : IOptionsMonitor<GatewayOptions>
    {
        private Action<GatewayOptions, string?>? _changed;

        public GatewayOptions CurrentValue { get; private set; } = new();

        public GatewayOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<GatewayOptions, string?> listener)
        {
            _changed += listener;
            return null;
        }

        public void Change(GatewayOptions options)
        {
            CurrentValue = options;
            _changed?.Invoke(options, null);
        }
    }
}
