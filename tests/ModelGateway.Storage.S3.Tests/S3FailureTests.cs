using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;
using static ModelGateway.Storage.S3.Tests.ScriptedServer;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>Every failure says what to change, and holds no secret.</summary>
public sealed class S3FailureTests
{
    private static readonly StoredObject Listed = new("iris/1/model.onnx", 4, "\"tag\"", DateTimeOffset.UnixEpoch);

    [Theory]
    [InlineData(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket", "allow s3:ListBucket on the bucket 'bucket'")]
    [InlineData(404, "NoSuchBucket", "The specified bucket does not exist", "there is no bucket 'bucket'")]
    [InlineData(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "Gateway:S3:AccessKeyId")]
    [InlineData(403, "SignatureDoesNotMatch", "The request signature we calculated does not match", "Gateway:S3:SecretAccessKey")]
    [InlineData(400, "ExpiredToken", "The provided token has expired.", "Gateway:S3:SessionToken")]
    [InlineData(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "clock")]
    [InlineData(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.", "Gateway:S3:Region")]
    [InlineData(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'", "expecting 'eu-west-1'")]
    [InlineData(418, "Teapot", "Short and stout.", "418 Teapot: Short and stout")]
    public async Task ListAsync_Refused_SaysWhatToChange(int status, string code, string message, string expected)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, message));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).ListAsync(null, CancellationToken.None)));
    }

    [Theory]
    [InlineData(403, "AccessDenied", "Access Denied", "allow s3:GetObject on 'bucket/models/*'")]
    [InlineData(403, "AccessDenied", "User is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/1", "allow kms:Decrypt")]
    [InlineData(400, "KMS.DisabledException", "arn:aws:kms:eu-west-1:1:key/1 is disabled.", "key of its encryption")]
    [InlineData(403, "InvalidObjectState", "The operation is not valid for the object's storage class", "restore it")]
    [InlineData(404, "NoSuchBucket", "The specified bucket does not exist", "there is no bucket 'bucket'")]
    public async Task CopyToAsync_Refused_SaysWhatToChange(int status, string code, string message, string expected)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, message));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).CopyToAsync(Listed, Stream.Null, CancellationToken.None)));
    }

    [Theory]
    [InlineData(403, "s3:GetObject")]
    [InlineData(301, "'eu-west-1'; set Gateway:S3:Region")]
    [InlineData(400, "Gateway:S3:Region is not 'eu-west-1'")]
    public async Task FindAsync_RefusedWithoutWords_SaysWhatToChange(int status, string expected)
    {
        await using var server = new ScriptedServer(_ => Answer(status, [], null, status == 403 ? [] : [("x-amz-bucket-region", "eu-west-1")]));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).FindAsync(Listed.Key, CancellationToken.None)));
    }

    [Theory]
    [InlineData(404, "NoSuchKey")]
    [InlineData(412, "PreconditionFailed")]
    [InlineData(416, "InvalidRange")]
    public async Task CopyToAsync_NotAsListed_IsObjectChanged(int status, string code)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, "No."));

        await Assert.ThrowsAsync<ObjectChangedException>(() => Open(server).CopyToAsync(Listed, Stream.Null, CancellationToken.None));
        await Assert.ThrowsAsync<ObjectChangedException>(() => Open(server).CopyToAsync(Listed with { Size = 0 }, Stream.Null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_ConnectionRefused_NamesTheEndpoint()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        int port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();

        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open($"http://127.0.0.1:{port}").ListAsync(null, CancellationToken.None)));
    }

    [Fact]
    public async Task ListAsync_UnknownHost_NamesTheEndpoint()
    {
        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open("http://s3.invalid").ListAsync(null, CancellationToken.None)));
    }

    [Theory]
    [InlineData("<html>Sign in</html>")]
    [InlineData("<ListBucketResult><Name>bucket</Name><Contents>")]
    [InlineData("no XML")]
    public async Task ListAsync_AnswerIsNoListing_IsNotTakenForAnEmptyOne(string body)
    {
        await using var server = new ScriptedServer(_ => Xml(200, body));

        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open(server).ListAsync(null, CancellationToken.None)));
    }

    [Fact]
    public async Task ListAsync_NoAnswer_IsGivenUp()
    {
        var time = new FakeTimeProvider();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new ScriptedServer(
            _ =>
            {
                asked.TrySetResult();
                return [];
            },
            holds: true);

        Task<ObjectListing?> listing = Open(server, time).ListAsync(null, CancellationToken.None);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(31));

        AssertSays("no answer within 30 seconds", await Assert.ThrowsAnyAsync<IOException>(() => listing));
    }

    [Fact]
    public async Task CopyToAsync_BodyThatStops_IsGivenUpWithARightPrefix()
    {
        var time = new FakeTimeProvider();
        await using var server = new ScriptedServer(_ => Answer(206, "ab"u8, 4, ("Content-Range", "bytes 0-3/4")), holds: true);
        using var destination = new AwaitedStream();

        Task copy = Open(server, time).CopyToAsync(Listed, destination, CancellationToken.None);
        await destination.Written;
        IOException stopped = await WithTimePassing(time, copy);

        Assert.Contains("nothing arrived for 30 seconds", stopped.Message, StringComparison.Ordinal);
        Assert.Equal("ab"u8.ToArray(), destination.ToArray());
    }

    [Fact]
    public async Task CopyToAsync_CancelledInMidBody_Stops()
    {
        await using var server = new ScriptedServer(_ => Answer(206, "ab"u8, 4, ("Content-Range", "bytes 0-3/4")), holds: true);
        using var destination = new AwaitedStream();
        using var cancellation = new CancellationTokenSource();

        Task copy = Open(server).CopyToAsync(Listed, destination, cancellation.Token);
        await destination.Written;
        await cancellation.CancelAsync();

        Assert.Equal(cancellation.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => copy)).CancellationToken);
    }

    // The clock of the stall starts anew after each write, at a moment that nobody sees from outside.
    private static async Task<IOException> WithTimePassing(FakeTimeProvider time, Task copy)
    {
        while (!copy.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            await Task.Yield();
        }

        return await Assert.ThrowsAnyAsync<IOException>(() => copy);
    }

    private static void AssertSays(string expected, IOException failure)
    {
        Assert.IsNotType<ObjectChangedException>(failure);
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.Contains("s3://bucket/models", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret", failure.ToString(), StringComparison.Ordinal);
    }

    private static IObjectStore Open(ScriptedServer server) => Open(server.Address);

    private static IObjectStore Open(string endpoint) => Harness(endpoint).Open(new S3ObjectStoreProvider(), "s3://bucket/models");

    private static IObjectStore Open(ScriptedServer server, TimeProvider time) =>
        new S3ObjectStoreProvider().Open(new Uri("s3://bucket/models"), Harness(server.Address).Context with { Time = time });

    private static StoreHarness Harness(string endpoint) => new(("Endpoint", endpoint), ("AccessKeyId", "AKIATEST"), ("SecretAccessKey", "very-secret"));

    /// <summary>Tells when something was written to it.</summary>
    private sealed class AwaitedStream : MemoryStream
    {
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Written => _written.Task;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.ToArray(), 0, buffer.Length);
            _written.TrySetResult();
            return ValueTask.CompletedTask;
        }
    }
}
