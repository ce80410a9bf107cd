using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>A bucket that is not trusted: what is not signed with the operator's key does not answer.</summary>
public sealed class SignedStoreTests : IDisposable
{
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;
    private readonly OpenSsl _openssl = new();

    public void Dispose()
    {
        _openssl.Dispose();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("ed25519")]
    public async Task Refresh_NewerVersionIsNotSigned_TheSignedOneAnswersUntilItIs(string kind)
    {
        _openssl.MakeKey(kind, "release");
        await using PublishedS3 bucket = await PublishedS3.StartAsync("models", "live");
        await SignAsync(bucket, kind, 1, TestModels.AddConstant(1));
        await bucket.PublishAsync("adder", 1, TestModels.AddConstant(1));
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, new Dictionary<string, string?>(bucket.Settings)
        {
            ["Repository"] = bucket.Location,
            ["Signatures__Mode"] = "Require",
            ["Signatures__Keys__0__PemFile"] = _openssl.PathOf("release.pub.pem"),
        });
        await gateway.WaitForAsync("adder", 1, 1);

        await bucket.PublishAsync("adder", 2, TestModels.AddConstant(2));
        await gateway.RefreshAsync(bucket.Notify("adder", 2));
        await gateway.WaitUntilAsync(
            async () => (await gateway.ReasonAsync("adder", 2))?.Contains("The version is not signed, and Gateway:Signatures:Mode is Require", StringComparison.Ordinal) == true,
            () => "The unsigned version has no reason");
        JsonElement entry = await gateway.EntryAsync("adder", 2);
        Assert.Equal("UNAVAILABLE", entry.GetProperty("state").GetString());
        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync("adder"));

        await SignAsync(bucket, kind, 2, TestModels.AddConstant(2));
        await gateway.RefreshAsync(bucket.Notify("adder", 2));
        await gateway.WaitForAsync("adder", 2, 2);
    }

    // The manifest last: it says that the version is complete.
    private async Task SignAsync(PublishedS3 bucket, string kind, long version, byte[] onnx)
    {
        byte[] manifest = VersionManifest.Format("adder", version, [new ManifestFile(ModelArtifact.ModelFileName, onnx.Length, Convert.ToHexStringLower(SHA256.HashData(onnx)))]);
        await bucket.PutAsync($"adder/{version}/{ManifestSignature.FileName}", _openssl.Sign(kind, "release", manifest));
        await bucket.PutAsync($"adder/{version}/{VersionManifest.FileName}", manifest);
    }
}
