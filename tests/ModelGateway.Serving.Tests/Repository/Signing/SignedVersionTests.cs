using System.Security.Cryptography;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository.Signing;

/// <summary>Signed and unsigned versions in the core as the host puts it together.</summary>
public sealed class SignedVersionTests : IDisposable
{
    private static readonly byte[] Model = TestModels.AddConstant(1);
    private readonly OpenSsl _openssl = new();

    public void Dispose() => _openssl.Dispose();

    [Theory]
    [InlineData("ecdsa", SignatureMode.Require)]
    [InlineData("ed25519", SignatureMode.Require)]
    [InlineData("ecdsa", SignatureMode.Verify)]
    [InlineData("ed25519", SignatureMode.Off)]
    public async Task Load_Signed_IsReady(string kind, SignatureMode mode)
    {
        using ServingHarness serving = Start(mode, ("a", kind));
        byte[] manifest = Publish(serving, "m", 1, "m", 1);
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign(kind, "a", manifest));

        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Version("m", 1).Reason);
        Assert.Equal(1f, await serving.PredictAsync("m"));
    }

    [Theory]
    [InlineData(SignatureMode.Off, true, ServableState.Ready)]
    [InlineData(SignatureMode.Off, false, ServableState.Ready)]
    [InlineData(SignatureMode.Verify, true, ServableState.Ready)]
    [InlineData(SignatureMode.Verify, false, ServableState.Ready)]
    [InlineData(SignatureMode.Require, true, ServableState.Failed)]
    [InlineData(SignatureMode.Require, false, ServableState.Failed)]
    public async Task Load_Unsigned_DependsOnTheMode(SignatureMode mode, bool hasManifest, ServableState state)
    {
        using ServingHarness serving = Start(mode, ("a", "ed25519"));
        if (hasManifest)
        {
            Publish(serving, "m", 1, "m", 1);
        }
        else
        {
            serving.Add("m", 1, Model);
        }

        await serving.ScanAndSettleAsync();

        Assert.Equal(state, serving.State("m", 1));
        if (state == ServableState.Failed)
        {
            Assert.Contains("The version is not signed, and Gateway:Signatures:Mode is Require", serving.Version("m", 1).Reason, StringComparison.Ordinal);

            // Refused by its listing: nothing was fetched for it.
            Assert.Empty(serving.Artifacts());
        }
    }

    [Fact]
    public async Task Load_SignatureComesLater_IsLoadedThen()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ed25519"));
        byte[] manifest = Publish(serving, "m", 1, "m", 1);
        await serving.ScanAndSettleAsync();
        Assert.Equal(ServableState.Failed, serving.State("m", 1));

        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ed25519", "a", manifest));
        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("m", 1));
    }

    [Fact]
    public async Task Load_SignatureBeforeItsManifest_Waits()
    {
        using ServingHarness serving = Start(SignatureMode.Verify, ("a", "ed25519"));
        serving.Add("m", 1, Model, (ManifestSignature.FileName, [1]));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Discovered, serving.State("m", 1));
        Assert.Equal("Waiting for manifest.json, whose signature is there.", serving.Version("m", 1).Reason);
    }

    [Fact]
    public async Task Load_TwoKeys_EitherMaySign()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("old", "ecdsa"), ("new", "ed25519"));
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ecdsa", "old", Publish(serving, "m", 1, "m", 1)));
        serving.Folder.WriteFile("n", 1, ManifestSignature.FileName, _openssl.Sign("ed25519", "new", Publish(serving, "n", 1, "n", 1)));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("m", 1));
        Assert.Equal(ServableState.Ready, serving.State("n", 1));
    }

    [Theory]
    [InlineData(SignatureMode.Verify)]
    [InlineData(SignatureMode.Require)]
    public async Task Load_SignedBySomebodyElse_IsRefusedAndNamesTheKeys(SignatureMode mode)
    {
        using ServingHarness serving = Start(mode, ("a", "ecdsa"), ("b", "ed25519"));
        _openssl.MakeKey("ed25519", "stranger");
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ed25519", "stranger", Publish(serving, "m", 1, "m", 1)));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.Equal("The signature of manifest.json does not verify with any of the keys 'a', 'b'.", serving.Version("m", 1).Reason);
        Assert.Empty(serving.Artifacts());
    }

    [Fact]
    public async Task Load_ManifestChangedAfterItWasSigned_IsRefusedWhileTheOldVersionAnswers()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ecdsa"));
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ecdsa", "a", Publish(serving, "m", 1, "m", 1)));
        byte[] second = Publish(serving, "m", 2, "m", 2);
        serving.Folder.WriteFile("m", 2, ManifestSignature.FileName, _openssl.Sign("ecdsa", "a", second));
        serving.Folder.WriteFile("m", 2, VersionManifest.FileName, [.. second, (byte)' ']);

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 2));
        Assert.Contains("does not verify with the key 'a'", serving.Version("m", 2).Reason, StringComparison.Ordinal);
        Assert.Equal(1f, await serving.PredictAsync("m", "1"));
    }

    [Fact]
    public async Task Load_FileChangedAfterItWasSigned_IsRefused()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ecdsa"));
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ecdsa", "a", Publish(serving, "m", 1, "m", 1)));
        serving.Folder.WriteFile("m", 1, ModelArtifact.ModelFileName, TestModels.AddConstant(2));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.Contains("SHA-256", serving.Version("m", 1).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other", 1)]
    [InlineData("m", 2)]
    public async Task Load_SignedVersionCopiedToAnotherPlace_IsRefused(string model, long version)
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ed25519"));
        byte[] manifest = Publish(serving, model, version, "m", 1);
        serving.Folder.WriteFile(model, version, ManifestSignature.FileName, _openssl.Sign("ed25519", "a", manifest));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State(model, version));
        Assert.Equal($"manifest.json was made for 'm/1', and this is '{model}/{version}'.", serving.Version(model, version).Reason);
    }

    [Fact]
    public async Task Load_SignedManifestThatNamesNoPlace_IsReadyAnywhere()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ed25519"));
        serving.Folder.WriteFile("m", 7, ManifestSignature.FileName, _openssl.Sign("ed25519", "a", Publish(serving, "m", 7, null, null)));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("m", 7));
    }

    [Fact]
    public async Task Load_StoreShowsAnotherManifestAfterTheListing_IsRefused()
    {
        // The files fit the manifest that was listed; the signed one that comes with the fetch names others.
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ed25519"));
        byte[] signed = VersionManifest.Format("m", 1, [Describe(ModelArtifact.ModelFileName, TestModels.AddConstant(5))]);
        Publish(serving, "m", 1, "m", 1);
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, _openssl.Sign("ed25519", "a", signed));
        RepositoryListing listing = await new ModelRepository(serving.Store, TimeSpan.Zero, serving.Time).ScanAsync(null, CancellationToken.None);
        VersionListing version = listing.Models["m"].Versions[0];
        string folder = Directory.CreateTempSubdirectory("artifact-").FullName;
        using var artifact = new ModelArtifact(folder, "", 0);
        await File.WriteAllBytesAsync(Path.Combine(folder, VersionManifest.FileName), signed);
        File.Copy(Path.Combine(serving.Folder.VersionFolder("m", 1), ManifestSignature.FileName), Path.Combine(folder, ManifestSignature.FileName));

        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => serving.Options.Signatures.Check(version, artifact));

        Assert.Contains("is not the one that the repository had", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_SignatureThatIsALargeFile_Waits()
    {
        using ServingHarness serving = Start(SignatureMode.Require, ("a", "ed25519"));
        Publish(serving, "m", 1, "m", 1);
        serving.Folder.WriteFile("m", 1, ManifestSignature.FileName, new byte[ManifestSignature.LargestSize + 1]);

        await serving.ScanAndSettleAsync();

        Assert.Equal("manifest.json.sig is larger than 1024 bytes.", serving.Version("m", 1).Reason);
    }

    private static ManifestFile Describe(string name, byte[] content) => new(name, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));

    // The manifest may be made for another place than it is put in.
    private static byte[] Publish(ServingHarness serving, string model, long version, string? madeForModel, long? madeForVersion)
    {
        byte[] manifest = VersionManifest.Format(madeForModel, madeForVersion, [Describe(ModelArtifact.ModelFileName, Model)]);
        serving.Folder.WriteFile(model, version, ModelArtifact.ModelFileName, Model);
        serving.Folder.WriteFile(model, version, VersionManifest.FileName, manifest);
        serving.Folder.AddConfig(model, "version_policy: {specific: [1, 2, 7]}");
        return manifest;
    }

    private ServingHarness Start(SignatureMode mode, params (string Id, string Kind)[] keys)
    {
        var policy = new SignaturePolicy(mode, [.. keys.Select(key => ManifestKey.Parse(key.Id, _openssl.MakeKey(key.Kind, key.Id)))]);
        return new ServingHarness(change: options => options with { Signatures = policy });
    }
}
