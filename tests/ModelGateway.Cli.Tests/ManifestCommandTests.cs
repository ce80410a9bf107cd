using System.Text.Json;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Cli.Tests;

/// <summary><c>manifest</c> and <c>verify</c>, which must agree.</summary>
public sealed class ManifestCommandTests : IDisposable
{
    private readonly RepositoryFolder _repository = new();
    private readonly OpenSsl _openssl = new();
    private readonly string _folder;

    public ManifestCommandTests()
    {
        _folder = _repository.AddVersion("m", 3, TestModels.AddConstant(1), ("labels.txt", "a"u8.ToArray()), ("data/w.bin", [1, 2, 3]), (".hidden", [1]));
    }

    public void Dispose()
    {
        _openssl.Dispose();
        _repository.Dispose();
    }

    [Fact]
    public void Manifest_Folder_NamesEveryFileAndItsPlace()
    {
        CliRun run = CliRun.Of("manifest", _folder);

        Assert.Equal((0, ""), (run.Code, run.Errors));
        VersionManifest manifest = Read();
        Assert.Equal(("m", 3L), (manifest.Model, manifest.Version));
        Assert.Equal(["data/w.bin", "labels.txt", "model.onnx"], manifest.Files.Select(file => file.Name));
        Assert.Contains("it is not signed", Verify(0).Output, StringComparison.Ordinal);
        Assert.Equal([".hidden", "labels.txt", "manifest.json", "model.onnx"], FileNames());
    }

    [Fact]
    public void Manifest_Again_IsTheSame()
    {
        CliRun.Of("manifest", _folder);
        byte[] first = File.ReadAllBytes(Path.Combine(_folder, "manifest.json"));

        CliRun.Of("manifest", _folder + "/");

        Assert.Equal(first, File.ReadAllBytes(Path.Combine(_folder, "manifest.json")));
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("ed25519")]
    public void Manifest_Signed_VerifiesHereAndWithOpenssl(string kind)
    {
        _openssl.MakeKey(kind, "release");
        _openssl.MakeKey(kind, "other");

        Assert.Equal(0, CliRun.Of("manifest", _folder, "--sign", _openssl.PathOf("release.pem")).Code);

        string manifest = Path.Combine(_folder, "manifest.json");
        string[] check = kind == "ecdsa"
            ? ["dgst", "-sha256", "-verify", "release.pub.pem", "-signature", manifest + ".sig", manifest]
            : ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "release.pub.pem", "-sigfile", manifest + ".sig", "-in", manifest];
        Assert.Contains("Verified", _openssl.Run(check), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("the signature verifies", Verify(0, "other.pub.pem", "release.pub.pem").Output, StringComparison.Ordinal);
        Assert.Contains("does not verify with 'other.pub.pem'", Verify(1, "other.pub.pem").Errors, StringComparison.Ordinal);

        File.AppendAllText(manifest, " ");
        Verify(1, "release.pub.pem");
    }

    [Fact]
    public void Manifest_WithoutSigningAgain_RemovesTheOldSignature()
    {
        _openssl.MakeKey("ed25519", "release");
        CliRun.Of("manifest", _folder, "--sign", _openssl.PathOf("release.pem"));

        CliRun.Of("manifest", _folder);

        Assert.Contains("not signed", Verify(1, "release.pub.pem").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Manifest_Encrypt_ReplacesThePlainFiles()
    {
        CliRun.Of("keygen", "aes", _openssl.PathOf("k1.key"));

        CliRun run = CliRun.Of("manifest", _folder, "--encrypt", $"k1:{_openssl.PathOf("k1.key")}");

        Assert.Equal((0, ""), (run.Code, run.Errors));
        Assert.Equal(["data/w.bin.enc", "labels.txt.enc", "model.onnx.enc"], Read().Files.Select(file => file.Name));
        Assert.Equal([".hidden", "labels.txt.enc", "manifest.json", "model.onnx.enc"], FileNames());
        Verify(0);
    }

    [Fact]
    public void Manifest_EncryptOnlySome_LeavesTheOthers()
    {
        CliRun.Of("keygen", "aes", _openssl.PathOf("k1.key"));

        CliRun.Of("manifest", _folder, "--encrypt", $"k1:{_openssl.PathOf("k1.key")}", "--only", "model.onnx", "--only", "*.bin");

        Assert.Equal(["data/w.bin.enc", "labels.txt", "model.onnx.enc"], Read().Files.Select(file => file.Name));
    }

    [Theory]
    [InlineData("*.bin")]
    [InlineData("labels.txt")]
    [InlineData("model.onnx.bak", "labels.txt")]
    public void Manifest_EncryptAllButTheModel_IsRefusedAndChangesNothing(params string[] only)
    {
        CliRun.Of("keygen", "aes", _openssl.PathOf("k1.key"));

        CliRun run = CliRun.Of(["manifest", _folder, "--encrypt", $"k1:{_openssl.PathOf("k1.key")}", .. only.SelectMany(pattern => new[] { "--only", pattern })]);

        Assert.Equal(1, run.Code);
        Assert.Contains("--only leaves model.onnx plain", run.Errors, StringComparison.Ordinal);
        Assert.Equal([".hidden", "labels.txt", "model.onnx"], FileNames());
        Assert.True(File.Exists(Path.Combine(_folder, "data/w.bin")));
    }

    [Fact]
    public void Manifest_EncryptMoreBesideAnEncryptedModel_IsDone()
    {
        CliRun.Of("keygen", "aes", _openssl.PathOf("k1.key"));
        string[] arguments = ["manifest", _folder, "--encrypt", $"k1:{_openssl.PathOf("k1.key")}", "--only"];
        CliRun.Of([.. arguments, "model.onnx"]);

        Assert.Equal(0, CliRun.Of([.. arguments, "*.bin"]).Code);

        Assert.Equal(["data/w.bin.enc", "labels.txt", "model.onnx.enc"], Read().Files.Select(file => file.Name));
    }

    [Fact]
    public void Manifest_EncryptAndKeep_ThePlainFilesStayOutOfTheManifest()
    {
        CliRun.Of("keygen", "aes", _openssl.PathOf("k1.key"));
        string[] arguments = ["manifest", _folder, "--encrypt", $"k1:{_openssl.PathOf("k1.key")}", "--keep"];

        Assert.Contains("do not upload it", CliRun.Of(arguments).Output, StringComparison.Ordinal);
        Assert.Equal(0, CliRun.Of(arguments).Code);

        Assert.Equal(["data/w.bin.enc", "labels.txt.enc", "model.onnx.enc"], Read().Files.Select(file => file.Name));
        Assert.Contains("'model.onnx' is not in the manifest", Verify(0).Output, StringComparison.Ordinal);
        Assert.Contains("both 'data/w.bin' and 'data/w.bin.enc'", CliRun.Of("manifest", _folder).Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--encrypt", "k1", 2)]
    [InlineData("--encrypt", ":nowhere.key", 2)]
    [InlineData("--encrypt", "k1:nowhere.key", 1)]
    [InlineData("--sign", "nowhere.pem", 1)]
    [InlineData("--only", "*.bin", 2)]
    public void Manifest_KeysThatAreNotThere_ChangesNothing(string option, string value, int code)
    {
        CliRun run = CliRun.Of("manifest", _folder, option, value);

        Assert.Equal(code, run.Code);
        Assert.NotEmpty(run.Errors);
        Assert.Equal([".hidden", "labels.txt", "model.onnx"], FileNames());
    }

    [Theory]
    [InlineData("pkcs8 -topk8 -in key.pem -out other.pem -passout pass:x", "passphrase")]
    [InlineData("pkey -in key.pem -pubout -out other.pem", "is not a private key")]
    [InlineData("genpkey -algorithm RSA -out other.pem", "of another kind")]
    [InlineData("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out other.pem", "of another kind")]
    public void Manifest_KeyThatCannotSign_SaysWhy(string makeKey, string reason)
    {
        _openssl.MakeKey("ecdsa", "key");
        _openssl.Run(makeKey.Split(' '));

        CliRun run = CliRun.Of("manifest", _folder, "--sign", _openssl.PathOf("other.pem"));

        Assert.Equal(1, run.Code);
        Assert.Contains(reason, run.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "manifest.json")));
    }

    [Fact]
    public void Manifest_NamesOfTheFolderMeanNothing_TakesThoseOfTheArguments()
    {
        string elsewhere = Directory.CreateDirectory(Path.Combine(_openssl.Folder, "build output")).FullName;
        File.WriteAllBytes(Path.Combine(elsewhere, "model.onnx"), [1]);

        Assert.Equal(2, CliRun.Of("manifest", elsewhere).Code);
        Assert.Equal(2, CliRun.Of("manifest", elsewhere, "--model", "../x", "--version", "1").Code);
        Assert.Equal(0, CliRun.Of("manifest", elsewhere, "--model", "iris", "--version", "7").Code);

        VersionManifest manifest = VersionManifest.Parse(File.ReadAllBytes(Path.Combine(elsewhere, "manifest.json")));
        Assert.Equal(("iris", 7L), (manifest.Model, manifest.Version));
    }

    [Fact]
    public void Manifest_FolderWithoutAModel_IsRefused()
    {
        File.Delete(Path.Combine(_folder, "model.onnx"));

        Assert.Contains("holds no model.onnx", CliRun.Of("manifest", _folder).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_WhatChanged_NamesEveryFault()
    {
        CliRun.Of("manifest", _folder);
        File.WriteAllText(Path.Combine(_folder, "labels.txt"), "b");
        File.Delete(Path.Combine(_folder, "data/w.bin"));
        File.AppendAllText(Path.Combine(_folder, "model.onnx"), "x");

        string errors = Verify(1).Errors;

        Assert.Contains("'labels.txt' does not have the SHA-256", errors, StringComparison.Ordinal);
        Assert.Contains("'data/w.bin' is missing", errors, StringComparison.Ordinal);
        Assert.Contains("'model.onnx' has ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_MadeForAnotherPlace_IsRefused()
    {
        CliRun.Of("manifest", _folder, "--model", "other");

        Assert.Contains("was made for 'other/3', and this is 'm/3'", Verify(1).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Index_Repository_NamesEveryObjectOnce()
    {
        CliRun.Of("manifest", _folder);
        _repository.AddConfig("m", "instances: 1");

        Assert.Equal(0, CliRun.Of("index", _repository.Root).Code);
        Assert.Equal(0, CliRun.Of("index", _repository.Root).Code);

        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_repository.Root, "index.json")));
        JsonElement.ArrayEnumerator objects = index.RootElement.GetProperty("objects").EnumerateArray();
        Assert.Equal(
            ["m/3/data/w.bin", "m/3/labels.txt", "m/3/manifest.json", "m/3/model.onnx", "m/model.yaml"],
            objects.Select(item => item.GetProperty("key").GetString()));
        JsonElement data = objects.First();
        Assert.Equal(3, data.GetProperty("size").GetInt64());
        Assert.Equal("039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81", data.GetProperty("sha256").GetString());
        Assert.Equal(File.GetLastWriteTimeUtc(Path.Combine(_folder, "data/w.bin")), data.GetProperty("modified").GetDateTime());
        Assert.Equal(["index.json"], Directory.GetFiles(_repository.Root).Select(Path.GetFileName));
    }

    private VersionManifest Read() => VersionManifest.Parse(File.ReadAllBytes(Path.Combine(_folder, "manifest.json")));

    private CliRun Verify(int code, params string[] keys)
    {
        CliRun run = CliRun.Of(["verify", _folder, .. keys.SelectMany(key => new[] { "--key", _openssl.PathOf(key) })]);
        Assert.Equal(code, run.Code);
        return run;
    }

    private IEnumerable<string?> FileNames() => Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
