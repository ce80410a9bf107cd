using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using ModelGateway.TestKit.Hosting.Gcs;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

/// <summary>The server that the tests run against must refuse what Google refuses, or they prove nothing.</summary>
public sealed class GcsServerTests(GcsFixture fixture) : IClassFixture<GcsFixture>
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None });
    private readonly GcsBucket _bucket = fixture.Server.CreateBucket();

    [Fact]
    public async Task Get_CompressedObjectWithoutAcceptEncoding_ComesDecompressedAndWhole()
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(new byte[1000]);
        }

        _bucket.IsPublic = true;
        _bucket.Put("a", compressed.ToArray(), contentEncoding: "gzip");
        using HttpResponseMessage response = await SendAsync($"storage/v1/b/{_bucket.Name}/o/a?alt=media", request => request.Headers.Range = new RangeHeaderValue(0, 9));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(new byte[1000], await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("o?maxresults=10", HttpStatusCode.BadRequest)]
    [InlineData("o?fields=items(name,md5)", HttpStatusCode.BadRequest)]
    [InlineData("o?pageToken=%25", HttpStatusCode.BadRequest)]
    [InlineData("o?maxResults=many", HttpStatusCode.BadRequest)]
    [InlineData("o/folder/a?alt=media", HttpStatusCode.NotFound)]
    [InlineData("o/folder%2Fa?alt=media", HttpStatusCode.OK)]
    [InlineData("o/folder%2Fa?alt=media&generation=1", HttpStatusCode.NotFound)]
    [InlineData("o/folder%2Fa?alt=media&ifGenerationMatch=1", HttpStatusCode.PreconditionFailed)]
    [InlineData("objects", HttpStatusCode.NotFound)]
    public async Task Get_Request_IsAnsweredAsDocumented(string target, HttpStatusCode status)
    {
        _bucket.IsPublic = true;
        _bucket.Put("folder/a", [1]);

        using HttpResponseMessage response = await SendAsync($"storage/v1/b/{_bucket.Name}/{target}", _ => { });

        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task Get_UnknownTokenInAPublicBucket_IsUnauthorized()
    {
        _bucket.IsPublic = true;

        using HttpResponseMessage response = await SendAsync($"storage/v1/b/{_bucket.Name}/o", request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "other"));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Get_MetadataServerWithoutItsHeader_IsForbidden()
    {
        using HttpResponseMessage response = await SendAsync("computeMetadata/v1/instance/service-accounts/default/token", _ => { });

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    private async Task<HttpResponseMessage> SendAsync(string target, Action<HttpRequestMessage> with)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(fixture.Server.Address, target));
        with(request);
        return await Client.SendAsync(request);
    }
}
