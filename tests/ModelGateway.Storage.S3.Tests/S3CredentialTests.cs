using System.Diagnostics;
using Xunit;
using static ModelGateway.Storage.S3.Tests.ScriptedServer;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>
/// The SDK's chain of credentials, each link against a scripted service, in a process of its own (see <see cref="Program"/>).
/// </summary>
public sealed class S3CredentialTests : IDisposable
{
    private const string Expiration = "2099-01-01T00:00:00Z";
    private readonly string _home = Directory.CreateTempSubdirectory("aws-home-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task ListAsync_KeysInTheEnvironment_AreUsed()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));

        Assert.Equal(
            (0, "iris/1/model.onnx"),
            await RunAsync([$"Endpoint={server.Address}"], ("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "session")));

        AssertSignedBy("AKIAENV", "session", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task ListAsync_EndpointInTheEnvironment_IsUsed()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));

        Assert.Equal(
            (0, "iris/1/model.onnx"),
            await RunAsync([], ("AWS_ENDPOINT_URL_S3", server.Address), ("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret")));
    }

    [Fact]
    public async Task ListAsync_Profile_IsUsed()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));
        Directory.CreateDirectory(Path.Combine(_home, ".aws"));
        await File.WriteAllTextAsync(Path.Combine(_home, ".aws", "credentials"), "[models]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n");

        Assert.Equal((0, "iris/1/model.onnx"), await RunAsync([$"Endpoint={server.Address}", "Profile=models"]));

        AssertSignedBy("AKIAPROFILE", null, Assert.Single(server.Requests));
    }

    [Fact]
    public async Task ListAsync_NoSuchProfile_IsTold()
    {
        (int code, string output) = await RunAsync(["Endpoint=http://127.0.0.1:1", "Profile=models"]);

        Assert.Equal(1, code);
        Assert.Contains("Gateway:S3:Profile names 'models'", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_WebIdentity_IsExchangedForARole()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));
        await using var sts = new ScriptedServer(_ => Xml(
            200,
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>"
                + $"<AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>{Expiration}</Expiration>"
                + "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"));

        Assert.Equal((0, "iris/1/model.onnx"), await RunAsync([$"Endpoint={server.Address}"], WebIdentity(sts)));

        ScriptedRequest exchange = Assert.Single(sts.Requests);
        Assert.Contains("Action=AssumeRoleWithWebIdentity", exchange.Body, StringComparison.Ordinal);
        Assert.Contains("WebIdentityToken=projected-token", exchange.Body, StringComparison.Ordinal);
        AssertSignedBy("ASIAWEB", "session", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task ListAsync_WebIdentityRefused_NamesTheTrustPolicy()
    {
        await using var server = new ScriptedServer(_ => Listing());
        await using var sts = new ScriptedServer(_ => Xml(
            403,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                + "<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>"));

        (int code, string output) = await RunAsync([$"Endpoint={server.Address}"], WebIdentity(sts));

        Assert.Equal(1, code);
        Assert.Contains("trust policy", output, StringComparison.Ordinal);
        Assert.DoesNotContain("projected-token", output, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task ListAsync_PodIdentity_IsUsed()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));
        await using var agent = new ScriptedServer(_ => Answer(200, Json("ASIAPOD")));

        Assert.Equal(
            (0, "iris/1/model.onnx"),
            await RunAsync(
                [$"Endpoint={server.Address}"], ("AWS_CONTAINER_CREDENTIALS_FULL_URI", $"{agent.Address}/v1/credentials"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", TokenFile())));

        Assert.Equal("projected-token", Assert.Single(agent.Requests).Headers["Authorization"]);
        AssertSignedBy("ASIAPOD", "session", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task ListAsync_InstanceRole_IsUsed()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));
        await using var metadata = new ScriptedServer(request => request.Method == "PUT" ? Answer(200, "imds-token"u8)
            : request.Target.TrimEnd('/').EndsWith("security-credentials", StringComparison.Ordinal) ? Answer(200, "models-role"u8)
            : Answer(200, Json("ASIAINSTANCE")));

        Assert.Equal((0, "iris/1/model.onnx"), await RunAsync([$"Endpoint={server.Address}"], ("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.Address)));

        AssertSignedBy("ASIAINSTANCE", "session", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task ListAsync_NoCredentials_SaysWhereTheyMayBe()
    {
        (int code, string output) = await RunAsync(["Endpoint=http://127.0.0.1:1"]);

        Assert.Equal(1, code);
        Assert.Contains("no AWS credentials are found", output, StringComparison.Ordinal);
        Assert.Contains("Gateway:S3:Anonymous", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_NoRegion_NamesTheSetting()
    {
        (int code, string output) = await RunAsync([], ("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret"));

        Assert.Equal(1, code);
        Assert.Contains("Gateway:S3:Region", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_RegionInTheEnvironment_IsTheBuckets()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));

        // The server stands for a proxy on the way to AWS, which is told the host in clear before anything is encrypted; it opens no way.
        // In small letters the variables go before what this machine may have in large ones.
        (int code, string output) = await RunAsync([], ("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-west-3"), ("https_proxy", server.Address), ("no_proxy", "none"));

        Assert.Equal(1, code);
        Assert.DoesNotContain("No region is known", output, StringComparison.Ordinal);
        Assert.All(server.Requests, request => Assert.Equal(("CONNECT", "bucket.s3.eu-west-3.amazonaws.com:443"), (request.Method, request.Target)));
        Assert.NotEmpty(server.Requests);
    }

    [Fact]
    public async Task ListAsync_EndpointIsSet_DoesNotLookAtTheRegionInTheEnvironment()
    {
        await using var server = new ScriptedServer(_ => Listing("iris/1/model.onnx"));
        (string, string)[] environment = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-west-3")];

        await RunAsync([$"Endpoint={server.Address}"], environment);
        await RunAsync([$"Endpoint={server.Address}", "Region=eu-central-1"], environment);

        Assert.Equal(["us-east-1", "eu-central-1"], server.Requests.Select(request => request.Headers["Authorization"].Split('/')[2]));
    }

    private static void AssertSignedBy(string accessKey, string? sessionToken, ScriptedRequest request)
    {
        Assert.Contains($"Credential={accessKey}/", request.Headers["Authorization"], StringComparison.Ordinal);
        Assert.Equal(sessionToken, request.Headers.GetValueOrDefault("X-Amz-Security-Token"));
    }

    private static byte[] Json(string accessKey) => System.Text.Encoding.UTF8.GetBytes(
        $$"""{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{{accessKey}}","SecretAccessKey":"secret","Token":"session","LastUpdated":"2026-01-01T00:00:00Z","Expiration":"{{Expiration}}"}""");

    private string TokenFile()
    {
        string file = Path.Combine(_home, "token");
        File.WriteAllText(file, "projected-token");
        return file;
    }

    private (string, string)[] WebIdentity(ScriptedServer sts) =>
        [("AWS_WEB_IDENTITY_TOKEN_FILE", TokenFile()), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/models"), ("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_STS", sts.Address)];

    private async Task<(int Code, string Output)> RunAsync(string[] settings, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ModelGateway.Storage.S3.Tests.dll"), "s3://bucket", .. settings]) { RedirectStandardOutput = true };
        foreach (string inherited in start.Environment.Keys.Where(name => name.StartsWith("AWS_", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(inherited);
        }

        start.Environment["HOME"] = _home;
        start.Environment["AWS_EC2_METADATA_DISABLED"] = "true";
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}
