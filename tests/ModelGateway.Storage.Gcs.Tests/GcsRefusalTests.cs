using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

/// <summary>What a store that refuses, fails or talks nonsense is to operators: a sentence that says what to change.</summary>
public sealed class GcsRefusalTests(GcsFixture fixture) : IClassFixture<GcsFixture>
{
    private readonly GcsBucket _bucket = fixture.Server.CreateBucket();

    [Fact]
    public async Task ListAsync_AccountMayNotRead_NamesItAndTheRole()
    {
        _bucket.Readers = new HashSet<string> { "somebody@else" };

        string message = await RefusedAsync(fixture.HarnessWithKey());

        Assert.Contains($"gs://{_bucket.Name}/models", message, StringComparison.Ordinal);
        Assert.Contains("403", message, StringComparison.Ordinal);
        Assert.Contains(GcsFixture.Reader, message, StringComparison.Ordinal);
        Assert.Contains("roles/storage.objectViewer", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyToAsync_AccountMayNotRead_NamesTheRole()
    {
        _bucket.Put("models/a", [1]);
        IObjectStore store = Open(fixture.HarnessWithKey());
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        _bucket.Readers = new HashSet<string> { "somebody@else" };

        IOException exception = await Assert.ThrowsAsync<IOException>(() => GcsFixture.CopyAsync(store, listed));

        Assert.Contains("roles/storage.objectViewer", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyToAsync_RefusalIsCompressed_IsReadAllTheSame()
    {
        IObjectStore store = Open(fixture.HarnessWithKey());
        _bucket.OnRequest = async context =>
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            context.Response.Headers.ContentEncoding = context.Request.Headers.AcceptEncoding;
            await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await gzip.WriteAsync("""{"error":{"code":403,"message":"Nobody may."}}"""u8.ToArray());
            return true;
        };

        IOException exception = await Assert.ThrowsAsync<IOException>(() => GcsFixture.CopyAsync(store, new StoredObject("a", 1, "1", DateTimeOffset.UnixEpoch)));

        Assert.Contains("(Nobody may)", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_AnonymousInAPrivateBucket_NamesTheSettings()
    {
        string message = await RefusedAsync(fixture.Harness(("Anonymous", "true")));

        Assert.Contains("401", message, StringComparison.Ordinal);
        Assert.Contains("Gateway:Gcs:CredentialsFile", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_AnonymousInAPublicBucket_Reads()
    {
        _bucket.IsPublic = true;
        _bucket.Put("models/a", [1]);
        StoreHarness harness = fixture.Harness(("Anonymous", "true"));

        Assert.Equal("a", Assert.Single(await GcsFixture.ListAsync(Open(harness))).Key);
        Assert.DoesNotContain("token success", await harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_RequesterPaysAndNobodyIsNamed_NamesTheSetting()
    {
        _bucket.RequesterPays = true;

        Assert.Contains("Gateway:Gcs:UserProject", await RefusedAsync(fixture.HarnessWithKey()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryOperation_RequesterPaysAndOneIsNamed_NamesThePayer()
    {
        _bucket.RequesterPays = true;
        _bucket.Put("models/a", [1, 2]);
        IObjectStore store = Open(fixture.Harness(("CredentialsFile", fixture.KeyFile), ("UserProject", "payer-1")));

        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        Assert.NotNull(await store.FindAsync("a", CancellationToken.None));
        Assert.Equal([1, 2], await GcsFixture.CopyAsync(store, listed));
        Assert.All(_bucket.Requests, request => Assert.Contains("userProject=payer-1", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ListAsync_NoSuchBucket_NamesIt()
    {
        IObjectStore store = GcsFixture.Open(fixture.HarnessWithKey(), "gs://no-such-bucket");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Contains("no bucket 'no-such-bucket'", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(429, "rateLimitExceeded")]
    [InlineData(403, "userRateLimitExceeded")]
    [InlineData(500, "backendError")]
    [InlineData(503, "backendError")]
    public async Task EveryOperation_StoreIsBusyOrBroken_IsAnIOExceptionAfterOneRequest(int status, string reason)
    {
        _bucket.Put("models/a", [1]);
        IObjectStore store = Open(fixture.HarnessWithKey());
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        _bucket.OnRequest = _ => throw new GcsException(status, reason, "Not now.\r\nTry later.");

        foreach (Func<Task> operation in new Func<Task>[]
        {
            () => store.ListAsync(null, CancellationToken.None),
            () => store.FindAsync("a", CancellationToken.None),
            () => store.CopyToAsync(listed, Stream.Null, CancellationToken.None),
        })
        {
            int before = _bucket.Requests.Count;
            IOException exception = await Assert.ThrowsAsync<IOException>(operation);

            Assert.Contains($"{status}", exception.Message, StringComparison.Ordinal);
            Assert.Contains("Not now.  Try later", exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("roles/", exception.Message, StringComparison.Ordinal);
            Assert.Equal(before + 1, _bucket.Requests.Count);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("<html>Sign in to the network</html>")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","size":"1","gener""")]
    [InlineData("""{"kind":"storage#objects","items":[null]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","size":"1","updated":"2026-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","generation":"1","updated":"2026-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":null,"size":"1","generation":"1","updated":"2026-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","size":"-1","generation":"1","updated":"2026-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","size":"big","generation":"1","updated":"2026-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"kind":"storage#objects","items":[{"name":"models/a","size":"1","generation":"1","updated":"yesterday"}]}""")]
    [InlineData("""{"kind":"storage#buckets","items":[]}""")]
    public async Task ListAsync_DamagedAnswer_IsAnIOExceptionAndNeverAnEmptyListing(string body)
    {
        _bucket.OnRequest = async context =>
        {
            await context.Response.WriteAsync(body);
            return true;
        };

        Assert.Contains("damaged", await RefusedAsync(fixture.HarnessWithKey()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_SamePageAgain_Ends()
    {
        _bucket.OnRequest = async context =>
        {
            await context.Response.WriteAsync("""{"kind":"storage#objects","nextPageToken":"again"}""");
            return true;
        };

        Assert.Contains("same page", await RefusedAsync(fixture.HarnessWithKey()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_ConnectionCut_IsAnIOException()
    {
        _bucket.OnRequest = async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("""{"kind":"storage#objects",""");
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        };

        Assert.Contains("cannot be read", await RefusedAsync(fixture.HarnessWithKey()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryOperation_NobodyListens_IsAnIOException()
    {
        using var port = new TcpListener(IPAddress.Loopback, 0);
        port.Start();
        string address = $"http://{port.LocalEndpoint}";
        port.Stop();
        IObjectStore store = GcsFixture.Open(new StoreHarness(("Endpoint", address), ("Anonymous", "true")), "gs://bucket/models");

        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => store.FindAsync("a", CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => GcsFixture.CopyAsync(store, new StoredObject("a", 1, "1", DateTimeOffset.UnixEpoch)));
    }

    private IObjectStore Open(StoreHarness harness) => GcsFixture.Open(harness, $"gs://{_bucket.Name}/models");

    private async Task<string> RefusedAsync(StoreHarness harness) =>
        (await Assert.ThrowsAsync<IOException>(() => Open(harness).ListAsync(null, CancellationToken.None))).Message;
}
