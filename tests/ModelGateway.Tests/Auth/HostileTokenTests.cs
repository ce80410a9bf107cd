using System.Text;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>Tokens that no issuer makes: refused, and never a failure of the server.</summary>
public sealed class HostileTokenTests(GuardedHost guarded) : IClassFixture<GuardedHost>
{
    private static readonly string[] Values =
        ["null", "5", "-1", "1e400", "true", "\"\"", "\"x\"", "[]", "[null]", "[[\"a\"]]", "{}", "{\"a\":{}}", "\"\\ud800\"", "99999999999999999999", "\"a\\r\\nb: c\""];

    private static readonly string[] Claims = ["iss", "aud", "exp", "nbf", "iat", "scope", "scp", "models", "sub", "jti", "act"];

    // Signed with the right key, so that each claim is really looked at.
    [Fact]
    public async Task Claims_OfAnyKind_NeverFail()
    {
        foreach (string claim in Claims)
        {
            foreach (string value in Values)
            {
                string payload = $$"""{"iss":"{{TestToken.DefaultIssuer}}","aud":"modelgateway","exp":{{TestToken.Seconds(TimeSpan.FromHours(1))}},"{{claim}}":{{value}}}""";
                await AnswersAsync(SignRaw("""{"alg":"HS256"}""", payload), $"{claim}: {value}");
            }
        }
    }

    [Fact]
    public async Task Headers_OfAnyKind_NeverFail()
    {
        foreach (string name in new[] { "alg", "kid", "typ", "cty", "enc", "jwk", "jku", "x5c", "x5t", "x5u", "crit", "zip" })
        {
            foreach (string value in Values)
            {
                await AnswersAsync(SignRaw($$"""{"alg":"HS256","{{name}}":{{value}}}""", "{}"), $"{name}: {value}");
            }
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("[]", "[]")]
    [InlineData("null", "null")]
    [InlineData("{", "}")]
    [InlineData("{\"alg\":\"HS256\"}", "{\"exp\":1,\"exp\":2}")]
    [InlineData("{\"alg\":\"HS256\",\"alg\":\"none\"}", "{}")]
    public async Task Parts_NotObjects_NeverFail(string header, string payload) => await AnswersAsync(SignRaw(header, payload), header + payload);

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("....")]
    [InlineData("a.b.c.d.e")]
    [InlineData("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA")]
    [InlineData("%%%.%%%.%%%")]
    [InlineData("a b c")]
    public async Task Text_NoToken_NeverFails(string token) => await AnswersAsync(token, token);

    [Fact]
    public async Task Text_DeepOrLong_NeverFails()
    {
        string deep = string.Concat(Enumerable.Repeat("[", 5000)) + string.Concat(Enumerable.Repeat("]", 5000));
        await AnswersAsync(SignRaw("""{"alg":"HS256"}""", $$"""{"a":{{deep}}}"""), "deep");
        await AnswersAsync(SignRaw("""{"alg":"HS256"}""", $$"""{"a":"{{new string('a', 20_000)}}"}"""), "long");
        await AnswersAsync(new string('.', 20_000), "dots");
    }

    private string SignRaw(string header, string payload)
    {
        string content = $"{TestToken.Encode(Encoding.UTF8.GetBytes(header))}.{TestToken.Encode(Encoding.UTF8.GetBytes(payload))}";
        byte[] signature = System.Security.Cryptography.HMACSHA256.HashData(guarded.Secret, Encoding.ASCII.GetBytes(content));
        return $"{content}.{TestToken.Encode(signature)}";
    }

    private async Task AnswersAsync(string token, string what)
    {
        Answer answer = await guarded.GetManagedAsync(token);
        Assert.True(answer.Status is 401 or 403, $"{what} answered {answer.Status}: {answer.Body}");
        Assert.NotEqual("", answer.Detail);
    }
}
