using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>Which tokens pass and which do not, over HTTP against the real host with configured keys.</summary>
public sealed class TokenValidationTests(GuardedHost guarded) : IClassFixture<GuardedHost>
{
    private static readonly TestToken Good = new();

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    public async Task Rsa_Valid_Passes(string algorithm) =>
        Assert.Equal(200, (await guarded.GetManagedAsync(Good.Sign(guarded.Rsa, GuardedHost.RsaId, algorithm))).Status);

    [Fact]
    public async Task Ec_Valid_Passes() => Assert.Equal(200, (await guarded.GetManagedAsync(Good.Sign(guarded.Ec, GuardedHost.EcId))).Status);

    [Fact]
    public async Task Secret_Valid_Passes() => Assert.Equal(200, (await guarded.GetManagedAsync(Good.Sign(guarded.Secret, GuardedHost.SecretId))).Status);

    [Fact]
    public async Task KeyNotNamed_Valid_Passes() => Assert.Equal(200, (await guarded.GetManagedAsync(Good.Sign(guarded.Ec))).Status);

    [Fact]
    public async Task Audience_OneOfSeveral_Passes() =>
        Assert.Equal(200, (await guarded.GetManagedAsync(Good.With("aud", new[] { "other", "modelgateway" }).Sign(guarded.Rsa))).Status);

    [Theory]
    [InlineData(253402300799)]
    [InlineData(99999999999999)]
    [InlineData(long.MaxValue)]
    public async Task Expiry_FarAway_Passes(long expiry) =>
        Assert.Equal(200, (await guarded.GetManagedAsync(Good.With("exp", expiry).Sign(guarded.Rsa))).Status);

    // Accepted once, and then from memory: each answer is still for what the token itself holds.
    [Fact]
    public async Task Repeated_SameAnswers()
    {
        string token = Good.With("scope", "models:read").Sign(guarded.Rsa);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(403, (await guarded.GetManagedAsync(token)).Status);
            Assert.Equal(200, (await GuardedHost.GetAsync(guarded.Host.Client, "/metrics", token)).Status);
            Assert.Equal(401, (await guarded.GetManagedAsync(token + "A")).Status);
            Assert.Equal(401, (await guarded.GetManagedAsync(token[..^1])).Status);
        }
    }

    [Fact]
    public async Task Missing_NoErrorCodeAndProblem()
    {
        Answer answer = await guarded.GetManagedAsync(null);

        Assert.Equal(401, answer.Status);
        Assert.Equal("Bearer", answer.Challenge);
        Assert.Equal("application/problem+json", answer.ContentType);
        Assert.Contains("A token is needed", answer.Detail);
    }

    [Theory]
    [InlineData("not-a-token")]
    [InlineData("a.b.c")]
    [InlineData("...")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.e30")]
    public async Task Malformed_Refused(string token) => await guarded.ExpectRefusalAsync(token, "not a signed JWT");

    [Fact]
    public async Task Expired_Refused() =>
        await guarded.ExpectRefusalAsync(Good.With("exp", TestToken.Seconds(-TimeSpan.FromMinutes(5))).Sign(guarded.Rsa), "expired at 20");

    [Fact]
    public async Task Expired_WithinClockSkew_Passes() =>
        Assert.Equal(200, (await guarded.GetManagedAsync(Good.With("exp", TestToken.Seconds(-TimeSpan.FromSeconds(5))).Sign(guarded.Rsa))).Status);

    [Fact]
    public async Task NoExpiry_Refused() => await guarded.ExpectRefusalAsync(Good.Without("exp").Sign(guarded.Rsa), "no expiry");

    [Fact]
    public async Task NotYetValid_Refused() =>
        await guarded.ExpectRefusalAsync(Good.With("nbf", TestToken.Seconds(TimeSpan.FromMinutes(5))).Sign(guarded.Rsa), "not valid before 20");

    [Fact]
    public async Task Issuer_Other_Refused() =>
        await guarded.ExpectRefusalAsync(Good.With("iss", "https://other.test").Sign(guarded.Rsa), "expects 'https://issuer.test'");

    [Fact]
    public async Task Issuer_Missing_Refused() => await guarded.ExpectRefusalAsync(Good.Without("iss").Sign(guarded.Rsa), "another issuer");

    [Fact]
    public async Task Audience_Other_Refused() => await guarded.ExpectRefusalAsync(Good.With("aud", "other").Sign(guarded.Rsa), "expects 'modelgateway'");

    [Fact]
    public async Task Audience_Missing_Refused() => await guarded.ExpectRefusalAsync(Good.Without("aud").Sign(guarded.Rsa), "another audience");

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer")]
    [InlineData("Bearer   ")]
    public async Task OtherScheme_LikeMissing(string header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/logging");
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using HttpResponseMessage response = await guarded.Host.Client.SendAsync(request);

        Assert.Equal(401, (int)response.StatusCode);
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
    }
}
