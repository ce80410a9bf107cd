using System.Runtime.InteropServices;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Repository.Encryption;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Models whose weights lie in other files, any of them encrypted.</summary>
public sealed class EncryptedExternalDataTests
{
    private static readonly EncryptionKey Key = TestKeys.Make("k1", 1);
    private static readonly OnnxOptions Options = new() { Encryption = new EncryptionKeys([Key]) };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_ModelEncrypted_AnswersAsThePlainOne(bool encryptData)
    {
        float[] weights = [.. Enumerable.Range(0, 500).Select(value => value / 4f)];
        ExternalDataModel model = TestModels.WithExternalData("data/weights.bin", weights);
        using var folder = new ModelFolder();
        folder.Add("model.onnx", model.Model, encrypt: true);
        folder.Add(model.FileName, model.Data, encryptData);

        Assert.Equal(weights, folder.Run("x", [1, 500], new float[500]));
    }

    [Fact]
    public void Load_EncryptedDataOfAPlainModel_IsRefused()
    {
        // Else a copy of somebody's encrypted weights could be put beside a graph that answers with them.
        ExternalDataModel model = TestModels.WithExternalData("data/weights.bin", [1f, 2f]);
        using var folder = new ModelFolder();
        folder.Add("model.onnx", model.Model, encrypt: false);
        folder.Add(model.FileName, model.Data, encrypt: true);

        Assert.Equal("'data/weights.bin' is encrypted and 'model.onnx' is not: encrypt the model too, or nothing of it.", folder.Refusal());
    }

    [Fact]
    public void Load_SomeFilesEncryptedAndSomePlain_EachIsReadAsItIs()
    {
        byte[] model = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, 2).Output("y", OnnxElementType.Float, 2)
            .Initializer("a", External([2], "secret.bin", 0, 8)).Initializer("b", External([2], "plain.bin", 8, 8)).Initializer("c", External([2], "./secret.bin", 8, null))
            .Initializer("d", OnnxTensor.From([2], 1000f, 2000f))
            .Node("Add", ["x", "a"], ["1"]).Node("Add", ["1", "b"], ["2"]).Node("Add", ["2", "c"], ["3"]).Node("Add", ["3", "d"], ["y"]).Build();
        using var folder = new ModelFolder();
        folder.Add("model.onnx", model, encrypt: true);
        folder.Add("secret.bin", Bytes(1, 2, 10, 20), encrypt: true);
        folder.Add("plain.bin", Bytes(0, 0, 100, 200), encrypt: false);

        Assert.Equal([1111f, 2222f], folder.Run("x", [2], [0f, 0f]));
    }

    [Fact]
    public void Load_DataThatTheOptimizerNeeds_IsTheRightOne()
    {
        // The transposition of a constant is folded, and the shape of the reshape is inferred, while the session is made.
        byte[] model = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, 1, 2).Output("y", OnnxElementType.Float, "n", "m")
            .Initializer("w", External([3, 2], "w.bin", 0, 24)).Initializer("shape", OnnxTensor.External(OnnxElementType.Int64, [2], "shape.bin", 0, 16))
            .Node("Transpose", ["w"], ["t"]).Node("MatMul", ["x", "t"], ["product"]).Node("Reshape", ["product", "shape"], ["y"]).Build();
        using var folder = new ModelFolder();
        folder.Add("model.onnx", model, encrypt: true);
        folder.Add("w.bin", Bytes(1, 2, 3, 4, 5, 6), encrypt: true);
        folder.Add("shape.bin", MemoryMarshal.AsBytes<long>([3, 1]).ToArray(), encrypt: true);

        Assert.Equal([5f, 11f, 17f], folder.Run("x", [1, 2], [1f, 2f]));
    }

    [Fact]
    public void Load_DataOfAConstantAndOfABranch_IsFound()
    {
        static OnnxGraphBuilder Branch(string location) => new OnnxGraphBuilder()
            .Output("b", OnnxElementType.Float, 2).Initializer("w", External([2], location, 0, 8)).Node("Identity", ["w"], ["b"]);
        byte[] model = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, 2).Output("y", OnnxElementType.Float, 2)
            .Node("Constant", [], ["c"], OnnxAttr.Tensor("value", External([2], "secret.bin", 8, 8)))
            .Node("ReduceSum", ["x"], ["sum"], OnnxAttr.Int("keepdims", 0)).Initializer("zero", OnnxTensor.From([], 0f)).Node("Greater", ["sum", "zero"], ["positive"])
            .Node("If", ["positive"], ["chosen"], OnnxAttr.Graph("then_branch", Branch("secret.bin")), OnnxAttr.Graph("else_branch", Branch("other.bin")))
            .Node("Add", ["c", "chosen"], ["y"]).Build();
        using var folder = new ModelFolder();
        folder.Add("model.onnx", model, encrypt: true);
        folder.Add("secret.bin", Bytes(1, 2, 10, 20), encrypt: true);
        folder.Add("other.bin", Bytes(3, 4), encrypt: true);

        Assert.Equal([11f, 22f], folder.Run("x", [2], [1f, 1f]));
        Assert.Equal([13f, 24f], folder.Run("x", [2], [-1f, -1f]));
    }

    [Theory]
    [InlineData(4, 8L)]
    [InlineData(9, null)]
    [InlineData(0, 9L)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public void Load_DataOutOfBounds_SaysSo(long offset, long? length)
    {
        using var folder = new ModelFolder();
        folder.Add("model.onnx", Adding(External([2], "secret.bin", offset, length)), encrypt: true);
        folder.Add("secret.bin", Bytes(1, 2), encrypt: true);

        Assert.Contains("out of bounds", folder.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DataOfTheWrongSize_IsRefused()
    {
        using var folder = new ModelFolder();
        folder.Add("model.onnx", Adding(External([2], "secret.bin", 0, 4)), encrypt: true);
        folder.Add("secret.bin", Bytes(1, 2), encrypt: true);

        Assert.DoesNotContain("is encrypted and", folder.Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../secret.bin")]
    [InlineData("/etc/hostname")]
    [InlineData("missing.bin")]
    public void Load_EncryptedModelThatAsksForAFileOutsideItsFolder_IsRefused(string location)
    {
        using var folder = new ModelFolder();
        folder.Add("model.onnx", Adding(External([2], location, 0, 8)), encrypt: true);

        string reason = folder.Refusal();

        Assert.Contains("External data", reason, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Load_DataEncryptedForAnotherFile_IsRefused()
    {
        using var folder = new ModelFolder();
        folder.Add("model.onnx", Adding(External([2], "secret.bin", 0, 8)), encrypt: true);
        folder.AddRaw("secret.bin.enc", Key.Encrypt("other.bin", Bytes(1, 2)).Content);

        Assert.StartsWith("'secret.bin.enc' cannot be decrypted", folder.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PlainModelWithAnEncryptedFileThatItDoesNotName_IsLoadedFromItsFile()
    {
        using var folder = new ModelFolder();
        folder.Add("model.onnx", Adding(OnnxTensor.From([2], 1f, 2f)), encrypt: false);
        folder.Add("notes.txt", "a"u8.ToArray(), encrypt: true);

        Assert.Equal([1f, 2f], folder.Run("x", [2], [0f, 0f]));
    }

    private static OnnxTensor External(long[] dimensions, string location, long offset, long? length) =>
        OnnxTensor.External(OnnxElementType.Float, dimensions, location, offset, length);

    private static byte[] Adding(OnnxTensor weights) =>
        new OnnxGraphBuilder().Input("x", OnnxElementType.Float, 2).Output("y", OnnxElementType.Float, 2).Initializer("w", weights).Node("Add", ["x", "w"], ["y"]).Build();

    private static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    private sealed class ModelFolder : IDisposable
    {
        private readonly Serving.Repository.ModelArtifact _artifact = new(Directory.CreateTempSubdirectory("model-").FullName, "", 1000);

        public void Add(string name, byte[] content, bool encrypt)
        {
            (string stored, byte[] bytes) = encrypt ? Key.Encrypt(name, content) : (name, content);
            AddRaw(stored, bytes);
        }

        public void AddRaw(string name, byte[] content)
        {
            string path = Path.Combine(_artifact.Directory, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }

        public float[] Run(string input, long[] shape, float[] values)
        {
            using Serving.Runtime.IModelInstance instance = Load();
            using Tensor tensor = Tensor.Create<float>(TensorType.Fp32, shape, values);
            using Serving.Runtime.OutputValue output = instance.Run([new NamedTensor(input, tensor)], null, CancellationToken.None)[0];
            return output.Values.AsSpan<float>().ToArray();
        }

        public string Refusal() => Assert.Throws<Serving.Runtime.ModelLoadException>(() => Load().Dispose()).Message;

        public void Dispose() => _artifact.Dispose();

        private Serving.Runtime.IModelInstance Load() => LoadedModel.Runtime(Options).Load(_artifact, Serving.Models.ModelConfig.Default, CancellationToken.None);
    }
}
