using System.Runtime.InteropServices;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Repository.Encryption;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Encrypted models in the core as the host puts it together.</summary>
public sealed class EncryptedVersionTests
{
    private static readonly EncryptionKey Key = TestKeys.Make("k1", 1);

    [Fact]
    public async Task Load_EncryptedModel_AnswersAsThePlainOne()
    {
        using ServingHarness serving = Start();
        serving.Add("plain", 1, TestModels.Mlp(), ("labels.txt", "a\nb\nc"u8.ToArray()));
        AddEncrypted(serving, "secret", 1, ("model.onnx", TestModels.Mlp()), ("labels.txt", "a\nb\nc"u8.ToArray()));

        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Version("secret", 1).Reason);
        Servable plain = serving.Version("plain", 1).Servable!;
        Servable secret = serving.Version("secret", 1).Servable!;
        Assert.Equal(["a", "b", "c"], secret.ClassLabels["probabilities"]);
        Assert.Equal(plain.Metadata.Producer, secret.Metadata.Producer);
        Assert.Equal(plain.Metadata.Opsets, secret.Metadata.Opsets);
        Assert.Equal(Describe(plain.Signature), Describe(secret.Signature));
        using Tensor x = Tensor.Create<float>(TensorType.Fp32, [2, 4], [1f, -2f, 3f, 0.5f, 0f, 1f, 0f, -1f]);
        Assert.Equal(Run(plain, x), Run(secret, x));
    }

    [Fact]
    public async Task Load_EncryptedModelWithARandomNode_KnowsTheNode()
    {
        using ServingHarness serving = Start();
        AddEncrypted(serving, "secret", 1, ("model.onnx", TestModels.Random()));
        AddEncrypted(serving, "plain", 1, ("model.onnx", TestModels.Mlp()));

        await serving.ScanAndSettleAsync();

        Assert.Equal("RandomUniform 'RandomUniform_0'", serving.Version("secret", 1).Servable!.Metadata.NondeterministicNode);
        Assert.Null(serving.Version("plain", 1).Servable!.Metadata.NondeterministicNode);
    }

    [Fact]
    public async Task Load_EncryptedModel_LeavesNothingPlainOnTheDisk()
    {
        float[] weights = [.. Enumerable.Range(0, 1000).Select(value => value * 1.25f)];
        ExternalDataModel model = TestModels.WithExternalData("weights.bin", weights);
        byte[] pattern = MemoryMarshal.AsBytes<float>(weights.AsSpan(100, 4)).ToArray();
        using ServingHarness serving = Start();
        AddEncrypted(serving, "secret", 1, ("model.onnx", model.Model), ("weights.bin", model.Data));
        serving.Folder.AddVersion("plain", 1, model);

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("secret", 1));
        List<string> files = [.. serving.Artifacts().SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))];
        Assert.Contains(files, file => file.EndsWith("weights.bin.enc", StringComparison.Ordinal));
        string found = Assert.Single(files, file => File.ReadAllBytes(file).AsSpan().IndexOf(pattern) >= 0);

        // That of the plain model: the search finds what there is to find.
        Assert.Equal("weights.bin", Path.GetFileName(found));
        Assert.Single(files, file => File.ReadAllBytes(file).AsSpan().IndexOf("ModelGateway.TestKit"u8) >= 0);
    }

    [Fact]
    public async Task Load_WithManifest_CoversTheEncryptedFiles()
    {
        using ServingHarness serving = Start();
        (string name, byte[] cipher) = Key.Encrypt("model.onnx", TestModels.AddConstant(3));
        serving.Folder.WriteFile("m", 1, name, cipher);
        serving.Folder.WriteFile("m", 1, VersionManifest.FileName, RepositoryFolder.Manifest((name, cipher)));

        await serving.ScanAndSettleAsync();

        Assert.Equal(3f, await serving.PredictAsync("m"));
    }

    [Fact]
    public async Task Load_BothForms_WaitsAndSaysWhy()
    {
        using ServingHarness serving = Start();
        serving.Add("m", 1, TestModels.AddConstant(1), Key.Encrypt("model.onnx", TestModels.AddConstant(2)));

        await serving.ScanAndSettleAsync();

        Assert.Equal("The version has both model.onnx and model.onnx.enc: remove the one that is not meant.", serving.Version("m", 1).Reason);
    }

    [Fact]
    public async Task Load_BothFormsOfTheLabels_IsRefused()
    {
        using ServingHarness serving = Start();
        serving.Add("m", 1, TestModels.AddConstant(1), ("labels.txt", [65]), Key.Encrypt("labels.txt", [66]));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.Contains("both 'labels.txt' and 'labels.txt.enc'", serving.Version("m", 1).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("labels.txt")]
    [InlineData("columns.txt")]
    public async Task Load_TextEncryptedAndTheModelPlain_IsRefused(string name)
    {
        using ServingHarness serving = Start();
        serving.Add("m", 1, TestModels.AddConstant(1), Key.Encrypt(name, [65]));

        await serving.ScanAndSettleAsync();

        Assert.Equal(
            (ServableState.Failed, $"'{name}' is encrypted and 'model.onnx' is not: encrypt the model too, or nothing of it."),
            (serving.State("m", 1), serving.Version("m", 1).Reason));
    }

    [Theory]
    [InlineData("labels.txt", false)]
    [InlineData("labels.txt", true)]
    [InlineData("columns.txt", false)]
    [InlineData("columns.txt", true)]
    public async Task Load_TextBeyondTheBound_IsRefused(string name, bool encrypt)
    {
        using ServingHarness serving = Start();
        byte[] text = new byte[ArtifactFiles.LargestText + (1 << 17)];
        if (encrypt)
        {
            AddEncrypted(serving, "m", 1, ("model.onnx", TestModels.AddConstant(1)), (name, text));
        }
        else
        {
            serving.Add("m", 1, TestModels.AddConstant(1), (name, text));
        }

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.StartsWith($"'{name}{(encrypt ? ".enc" : "")}' has ", serving.Version("m", 1).Reason, StringComparison.Ordinal);
        Assert.EndsWith("and a text can have 16777216 at most.", serving.Version("m", 1).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_EncryptedTextAtTheBound_IsRead()
    {
        using ServingHarness serving = Start();
        byte[] text = new byte[ArtifactFiles.LargestText];
        text.AsSpan().Fill((byte)'a');
        using var cipher = new MemoryStream();
        EncryptedFile.Encrypt(new MemoryStream(text), cipher, "labels.txt", Key, chunkSize: 4096);
        AddEncrypted(serving, "m", 1, ("model.onnx", TestModels.AddConstant(1)));
        serving.Folder.WriteFile("m", 1, "labels.txt.enc", cipher.ToArray());

        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Version("m", 1).Reason);
    }

    [Fact]
    public async Task Load_KeyThatIsNotThere_FailsWithoutTryingAgain()
    {
        using ServingHarness serving = Start(TestKeys.Make("other", 2));
        AddEncrypted(serving, "m", 1, ("model.onnx", TestModels.AddConstant(1)));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.Contains("encrypted with the key 'k1'", serving.Version("m", 1).Reason, StringComparison.Ordinal);
        int copies = serving.Store.Copies;
        serving.Time.Advance(TimeSpan.FromHours(1));
        await serving.ScanAndSettleAsync();
        Assert.Equal(copies, serving.Store.Copies);
    }

    [Theory]
    [InlineData("wrong key", "that is another key")]
    [InlineData("damaged", "damaged")]
    [InlineData("cut short", "cut short")]
    [InlineData("swapped", "under another name")]
    [InlineData("not encrypted", "is not an encrypted file")]
    [InlineData("no model inside", "ONNX")]
    public async Task Load_WhatCannotBeDecrypted_FailsAndSaysWhy(string what, string reason)
    {
        using ServingHarness serving = Start();
        (string name, byte[] cipher) = Key.Encrypt("model.onnx", TestModels.LargeWeights(1 << 20));
        byte[] content = what switch
        {
            "wrong key" => TestKeys.Make("k1", 9).Encrypt("model.onnx", TestModels.Mlp()).Content,
            "damaged" => [.. cipher[..500_000], (byte)(cipher[500_000] ^ 1), .. cipher[500_001..]],
            "cut short" => cipher[..500_000],
            "swapped" => Key.Encrypt("weights.bin", TestModels.Mlp()).Content,
            "not encrypted" => TestModels.Mlp(),
            _ => Key.Encrypt("model.onnx", "hello"u8.ToArray()).Content,
        };
        serving.Folder.WriteFile("m", 1, name, content);

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("m", 1));
        Assert.Contains(reason, serving.Version("m", 1).Reason, StringComparison.Ordinal);
        Assert.Empty(serving.Artifacts());
    }

    private static ServingHarness Start(EncryptionKey? key = null) =>
        new(change: options => options with { Encryption = new EncryptionKeys([key ?? Key]) });

    private static void AddEncrypted(ServingHarness serving, string model, long version, params (string Name, byte[] Content)[] files)
    {
        foreach ((string name, byte[] content) in files)
        {
            (string encrypted, byte[] cipher) = Key.Encrypt(name, content);
            serving.Folder.WriteFile(model, version, encrypted, cipher);
        }
    }

    private static string Describe(ModelSignature signature) =>
        string.Join(';', signature.Inputs.Select(input => $"{input.Name} {input.Type} {input.FormatDimensions()}").Concat(signature.Outputs.Select(output => $"{output.Name} {output.Values.FormatDimensions()}")));

    private static float[] Run(Servable servable, Tensor x)
    {
        Assert.True(servable.Pool.TryRent(out InstanceLease? lease));
        using InstanceLease held = lease;
        using OutputValue output = held.Instance.Run([new NamedTensor("x", x)], null, CancellationToken.None)[0];
        return output.Values.AsSpan<float>().ToArray();
    }
}
