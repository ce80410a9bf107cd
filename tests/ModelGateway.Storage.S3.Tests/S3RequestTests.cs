using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;
using ModelGateway.TestKit.Repository;
using Xunit;
using static ModelGateway.Storage.S3.Tests.ScriptedServer;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>What goes over the wire, and what is made of answers that a test server does not give by itself.</summary>
public sealed class S3RequestTests
{
    private static readonly (string, string?)[] Keys = [("AccessKeyId", "AKIATEST"), ("SecretAccessKey", "very-secret")];
    private static readonly StoredObject Listed = new("iris/1/model.onnx", 4, "\"tag\"", DateTimeOffset.UnixEpoch);

    [Fact]
    public async Task ListAsync_WithKeys_SignsInThePathStyleForEndpoints()
    {
        await using var server = new ScriptedServer(_ => Listing());

        await Open(server, Keys).ListAsync(null, CancellationToken.None);

        ScriptedRequest request = Assert.Single(server.Requests);
        Assert.StartsWith("/bucket", request.Target, StringComparison.Ordinal);
        Assert.Contains("list-type=2", request.Target, StringComparison.Ordinal);
        Assert.Contains("prefix=models%2F", request.Target, StringComparison.Ordinal);
        Assert.Contains("max-keys=1000", request.Target, StringComparison.Ordinal);
        Assert.DoesNotContain("delimiter", request.Target, StringComparison.Ordinal);
        Assert.StartsWith("AWS4-HMAC-SHA256 Credential=AKIATEST/", request.Headers["Authorization"], StringComparison.Ordinal);
        Assert.Contains("/us-east-1/s3/", request.Headers["Authorization"], StringComparison.Ordinal);
        Assert.False(request.Headers.ContainsKey("x-amz-request-payer"));
    }

    [Fact]
    public async Task ListAsync_SessionTokenAndRegion_AreSent()
    {
        await using var server = new ScriptedServer(_ => Listing());

        await Open(server, [.. Keys, ("SessionToken", "session"), ("Region", "eu-west-3")]).ListAsync(null, CancellationToken.None);

        ScriptedRequest request = Assert.Single(server.Requests);
        Assert.Equal("session", request.Headers["X-Amz-Security-Token"]);
        Assert.Contains("/eu-west-3/s3/", request.Headers["Authorization"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_SecretInAFile_SignsLikeTheSecretInPlace()
    {
        await using var server = new ScriptedServer(_ => Listing());
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "very-secret\n");

        await Open(server, ("AccessKeyId", "AKIATEST"), ("SecretAccessKeyFile", file)).ListAsync(null, CancellationToken.None);

        File.Delete(file);
        Assert.StartsWith("AWS4-HMAC-SHA256 Credential=AKIATEST/", Assert.Single(server.Requests).Headers["Authorization"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_Anonymous_HasNoAuthorization()
    {
        await using var server = new ScriptedServer(_ => Listing());

        await Open(server, ("Anonymous", "true")).ListAsync(null, CancellationToken.None);

        Assert.False(Assert.Single(server.Requests).Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task Operations_RequesterPays_SayItEachTime()
    {
        await using var server = new ScriptedServer(request => request.Target.Contains("list-type", StringComparison.Ordinal) ? Listing()
            : request.Method == "HEAD" ? Answer(200, [], 4, ("ETag", "\"tag\""))
            : Answer(206, "abcd"u8, null, ("Content-Range", "bytes 0-3/4")));
        IObjectStore store = Open(server, [.. Keys, ("RequesterPays", "true")]);

        await store.ListAsync(null, CancellationToken.None);
        await store.FindAsync(Listed.Key, CancellationToken.None);
        await store.CopyToAsync(Listed, Stream.Null, CancellationToken.None);

        Assert.Equal(["requester", "requester", "requester"], server.Requests.Select(request => request.Headers["x-amz-request-payer"]));
    }

    [Fact]
    public async Task CopyRangeAsync_Range_IsAskedForWithTheListedTag()
    {
        await using var server = new ScriptedServer(_ => Answer(206, "bc"u8, null, ("Content-Range", "bytes 1-2/4")));
        using var destination = new MemoryStream();

        await Open(server, Keys).CopyRangeAsync(Listed, 1, 2, destination, CancellationToken.None);

        ScriptedRequest request = Assert.Single(server.Requests);
        Assert.Equal(("GET", "/bucket/models/iris/1/model.onnx"), (request.Method, request.Target.Split('?')[0]));
        Assert.Equal(("bytes=1-2", "\"tag\""), (request.Headers["Range"], request.Headers["If-Match"]));
        Assert.Equal("bc"u8.ToArray(), destination.ToArray());
    }

    [Theory]
    [InlineData(null, "bucket.s3.eu-west-1.amazonaws.com", "/")]
    [InlineData("true", "s3.eu-west-1.amazonaws.com", "/bucket/")]
    public async Task ListAsync_Aws_AsksTheBucketsHostUnlessPathStyleIsForced(string? pathStyle, string host, string path)
    {
        await using var server = new ScriptedServer(_ => Listing());
        var provider = new S3ObjectStoreProvider(() => new ToScript(server.Port));

        await new StoreHarness([.. Keys, ("Region", "eu-west-1"), ("ForcePathStyle", pathStyle)]).Open(provider, "s3://bucket/models").ListAsync(null, CancellationToken.None);

        ScriptedRequest request = Assert.Single(server.Requests);
        Assert.Equal((host, path), (request.Headers["Host"], request.Target.Split('?')[0]));
    }

    [Theory]
    [InlineData("UseDualstack", "bucket.s3.dualstack.eu-west-1.amazonaws.com")]
    [InlineData("UseFips", "bucket.s3-fips.eu-west-1.amazonaws.com")]
    public async Task ListAsync_OtherEndpointsOfAws_AreAsked(string setting, string host)
    {
        await using var server = new ScriptedServer(_ => Listing());
        var provider = new S3ObjectStoreProvider(() => new ToScript(server.Port));

        await new StoreHarness([.. Keys, ("Region", "eu-west-1"), (setting, "true")]).Open(provider, "s3://bucket").ListAsync(null, CancellationToken.None);

        Assert.Equal(host, Assert.Single(server.Requests).Headers["Host"]);
    }

    [Fact]
    public async Task ListAsync_NamesThatXmlCannotHold_DoNotSpoilTheListing()
    {
        await using var server = new ScriptedServer(_ => Listing("models/a%01b", "models/a+b%2Bc%26.bin", "models/iris/1/model.onnx", "models2/iris", "../models/x"));

        ObjectListing listing = (await Open(server, Keys).ListAsync(null, CancellationToken.None))!;

        Assert.Contains("encoding-type=url", Assert.Single(server.Requests).Target, StringComparison.Ordinal);
        Assert.Equal(["a b+c&.bin", "iris/1/model.onnx"], listing.Objects.Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_PageThatDoesNotSayHowToGoOn_IsAnIOException()
    {
        await using var server = new ScriptedServer(_ => Xml(200, "<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated></ListBucketResult>"));

        await Assert.ThrowsAnyAsync<IOException>(() => Open(server, Keys).ListAsync(null, CancellationToken.None));
    }

    [Theory]
    [InlineData("x-amz-checksum-crc64nvme", "AQIDBAUGBwg=", ChecksumAlgorithm.Crc64Nvme)]
    [InlineData("x-amz-checksum-sha1", "AAECAwQFBgcICQoLDA0ODxAREhM=", ChecksumAlgorithm.Sha1)]
    [InlineData("x-amz-checksum-crc32c", "AQIDBA==", ChecksumAlgorithm.Crc32C)]
    [InlineData("x-amz-checksum-crc32", "AQIDBA==", ChecksumAlgorithm.Crc32)]
    public async Task FindAsync_ChecksumOfTheWhole_IsTakenBeforeTheETag(string header, string value, ChecksumAlgorithm algorithm)
    {
        StoredObject found = await FindAsync(("ETag", Md5Tag), (header, value), ("x-amz-checksum-type", "FULL_OBJECT"));

        Assert.Equal(new ObjectChecksum(algorithm, Convert.ToHexStringLower(Convert.FromBase64String(value))), found.Checksum);
    }

    [Fact]
    public async Task FindAsync_PlainUpload_HasTheETagAsMd5()
    {
        StoredObject found = await FindAsync(("ETag", Md5Tag), ("x-amz-server-side-encryption", "AES256"));

        Assert.Equal(new ObjectChecksum(ChecksumAlgorithm.Md5, Md5Tag.Trim('"')), found.Checksum);
    }

    [Theory]
    [InlineData("x-amz-server-side-encryption", "aws:kms")]
    [InlineData("x-amz-server-side-encryption", "aws:kms:dsse")]
    [InlineData("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-west-1:1:key/1")]
    [InlineData("x-amz-server-side-encryption-customer-algorithm", "AES256")]
    [InlineData("x-amz-mp-parts-count", "3")]
    [InlineData("x-amz-checksum-type", "COMPOSITE")]
    public async Task FindAsync_ETagThatIsNoMd5_IsNotTakenForOne(string header, string value)
    {
        Assert.Null((await FindAsync(("ETag", Md5Tag), (header, value))).Checksum);
    }

    [Fact]
    public async Task FindAsync_ChecksumOfChecksums_IsNotTakenForThatOfTheContent()
    {
        StoredObject found = await FindAsync(("ETag", "\"0123456789abcdef0123456789abcdef-2\""), ("x-amz-checksum-sha256", $"{Convert.ToBase64String(SHA256.HashData([]))}-2"));

        Assert.Null(found.Checksum);
    }

    [Fact]
    public async Task CopyRangeAsync_ConnectionCutInMidBody_LeavesARightPrefix()
    {
        byte[] content = RandomNumberGenerator.GetBytes(300_000);
        await using var server = new ScriptedServer(_ => Answer(206, content.AsSpan(0, 200_000), 300_000, ("Content-Range", "bytes 0-299999/300000")));
        using var destination = new MemoryStream();
        var harness = new StoreHarness([("Endpoint", server.Address), .. Keys]);
        IObjectStore store = harness.Open(new S3ObjectStoreProvider(), "s3://bucket/models");

        IOException cut = await Assert.ThrowsAnyAsync<IOException>(() => store.CopyToAsync(Listed with { Size = 300_000 }, destination, CancellationToken.None));

        Assert.IsNotType<ObjectChangedException>(cut);
        Assert.Equal(content[..200_000], destination.ToArray());
        Assert.Equal(new Dictionary<string, int> { ["get success"] = 1 }, await harness.RequestsAsync());
    }

    [Fact]
    public async Task CopyRangeAsync_ServerThatIgnoresRanges_WritesNothing()
    {
        await using var server = new ScriptedServer(_ => Answer(200, "abcd"u8));
        using var destination = new MemoryStream();
        IObjectStore store = Open(server, Keys);

        await Assert.ThrowsAsync<RangesIgnoredException>(() => store.CopyRangeAsync(Listed, 1, 2, destination, CancellationToken.None));
        Assert.Equal(0, destination.Length);

        await store.CopyToAsync(Listed, destination, CancellationToken.None);
        Assert.Equal("abcd"u8.ToArray(), destination.ToArray());
    }

    [Theory]
    [InlineData("bytes 1-2/5", true)]
    [InlineData("bytes 0-1/4", false)]
    public async Task CopyRangeAsync_OtherRangeOrSize_IsNotWritten(string range, bool isChanged)
    {
        await using var server = new ScriptedServer(_ => Answer(206, "ab"u8, null, ("Content-Range", range)));
        using var destination = new MemoryStream();

        IOException wrong = await Assert.ThrowsAnyAsync<IOException>(() => Open(server, Keys).CopyRangeAsync(Listed with { Tag = "" }, 1, 2, destination, CancellationToken.None));

        Assert.Equal(isChanged, wrong is ObjectChangedException);
        Assert.Equal(0, destination.Length);
    }

    [Fact]
    public async Task ListAsync_RedirectToAnotherRegion_IsFollowedSignedAnewAndCounted()
    {
        await using var server = new ScriptedServer(request => request.Headers["Host"].Contains("eu-west-1", StringComparison.Ordinal)
            ? Answer(307, [], null, ("Location", $"https://bucket.s3.eu-central-1.amazonaws.com{request.Target}"))
            : Listing("models/iris/1/model.onnx"));
        var harness = new StoreHarness([.. Keys, ("Region", "eu-west-1")]);

        ObjectListing listing = (await harness.Open(new S3ObjectStoreProvider(() => new ToScript(server.Port)), "s3://bucket/models").ListAsync(null, CancellationToken.None))!;

        Assert.Single(listing.Objects);
        Assert.Equal(2, server.Requests.Select(request => request.Headers["Authorization"]).Distinct().Count());
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 2 }, await harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_RedirectAwayFromS3_IsNotFollowed()
    {
        await using var other = new ScriptedServer(_ => Listing("models/iris/1/model.onnx"));
        await using var server = new ScriptedServer(request => Answer(307, [], null, ("Location", $"{other.Address}{request.Target}")));

        await Assert.ThrowsAnyAsync<IOException>(() => Open(server, Keys).ListAsync(null, CancellationToken.None));

        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task ListAsync_ServerAsksForFewerRequests_IsTriedThreeTimesAndCounted()
    {
        await using var server = new ScriptedServer(request => Error(request, 503, "SlowDown", "Please reduce your request rate."));
        var harness = new StoreHarness([("Endpoint", server.Address), .. Keys]);

        IOException slow = await Assert.ThrowsAnyAsync<IOException>(
            () => harness.Open(new S3ObjectStoreProvider(), "s3://bucket").ListAsync(null, CancellationToken.None));

        Assert.Contains("fewer requests", slow.Message, StringComparison.Ordinal);
        Assert.Equal(new Dictionary<string, int> { ["list error"] = 3 }, await harness.RequestsAsync());
    }

    private const string Md5Tag = "\"0123456789abcdef0123456789abcdef\"";

    private static async Task<StoredObject> FindAsync(params (string Name, string Value)[] headers)
    {
        await using var server = new ScriptedServer(_ => Answer(200, [], 4, headers));
        StoredObject found = (await Open(server, Keys).FindAsync(Listed.Key, CancellationToken.None))!.Value;
        Assert.Equal("ENABLED", Assert.Single(server.Requests).Headers["x-amz-checksum-mode"]);
        return found;
    }

    private static IObjectStore Open(ScriptedServer server, params (string, string?)[] settings) =>
        new StoreHarness([("Endpoint", server.Address), .. settings]).Open(new S3ObjectStoreProvider(), "s3://bucket/models");

    /// <summary>Sends what is meant for AWS to the script, which sees the host that was asked for.</summary>
    private sealed class ToScript(int port) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker _inner = new(new SocketsHttpHandler { AllowAutoRedirect = false });

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Host = request.RequestUri!.Host;
            request.RequestUri = new UriBuilder(request.RequestUri) { Scheme = "http", Host = "127.0.0.1", Port = port }.Uri;
            return _inner.SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
