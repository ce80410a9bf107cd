using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Cli.Tests;

/// <summary>From the publisher's folder to the answer, with nothing but the tool in between.</summary>
public sealed class PublishedModelTests : IDisposable
{
    private readonly OpenSsl _keys = new();

    public void Dispose() => _keys.Dispose();

    [Theory]
    [InlineData("ed25519")]
    [InlineData("ecdsa")]
    public async Task Publish_SampleModelEncryptedAndSigned_IsServedAsThePlainOne(string kind)
    {
        Assert.Equal(0, CliRun.Of("keygen", kind, _keys.PathOf("release.pem")).Code);
        Assert.Equal(0, CliRun.Of("keygen", "aes", _keys.PathOf("k1.key")).Code);
        Assert.True(EncryptionKey.TryParse("k1", File.ReadAllText(_keys.PathOf("k1.key")), out EncryptionKey? key, out _));
        var policy = new SignaturePolicy(SignatureMode.Require, [ManifestKey.Parse("release", File.ReadAllText(_keys.PathOf("release.pub.pem")))]);
        using var serving = new ServingHarness(change: options => options with { Signatures = policy, Encryption = new EncryptionKeys([key]) });
        byte[] model = await File.ReadAllBytesAsync(Path.Combine(RepositoryRoot.Path, "docs", "samples", "models", "iris", "1", "model.onnx"));
        string[] sign = ["--sign", _keys.PathOf("release.pem")];
        Assert.Equal(0, CliRun.Of(["manifest", serving.Folder.AddVersion("plain", 1, model), .. sign]).Code);
        Assert.Equal(0, CliRun.Of(["manifest", serving.Folder.AddVersion("secret", 1, model, ("labels.txt", "a\nb\nc"u8.ToArray())), .. sign, "--encrypt", $"k1:{_keys.PathOf("k1.key")}"]).Code);
        serving.Folder.AddVersion("unsigned", 1, model);

        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Version("secret", 1).Reason);
        Assert.Equal(await AnswerAsync(serving, "plain"), await AnswerAsync(serving, "secret"));
        Assert.Equal(ServableState.Failed, serving.State("unsigned", 1));
    }

    private static async Task<string> AnswerAsync(ServingHarness serving, string model)
    {
        using ServableHandle handle = serving.Acquire(model);
        using var request = new PredictRequest();
        request.Add(handle.Servable.Signature.Inputs[0].Name, Tensor.Create<float>(TensorType.Fp32, [1, 4], [5.1f, 3.5f, 1.4f, 0.2f]));
        PredictResult result = await serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        using PredictResponse? response = result.Response;
        Assert.True(result.IsSuccess, result.Error?.Message);
        return string.Join(';', result.Response.Outputs.Select(output => $"{output.Name} {Convert.ToHexString(output.Values.Data)}"));
    }
}
