using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tests.Repository.Encryption;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Optimized graphs on disk: they change nothing but the time of a load, and nothing that is wrong is ever believed.</summary>
public sealed class GraphCacheTests
{
    private static readonly string Samples = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models");

    // By name: the bytes of a model as an argument of a test are written into its name.
    private static readonly Dictionary<string, Func<byte[]>> Known = new()
    {
        ["mlp"] = TestModels.Mlp,
        ["large weights"] = () => TestModels.LargeWeights(1 << 20),
        ["varying shapes"] = TestModels.VaryingShapes,
        ["strings in a map"] = () => TestModels.ZipMap("a", "b", "c"),
        ["integers in a map"] = () => TestModels.ZipMap(1, 2, 3),
        ["sequence"] = TestModels.SplitToSequence,
        ["mixed types"] = TestModels.MixedTypes,
        ["no inputs"] = TestModels.NoInputs,
        ["scalar"] = TestModels.Scalar,
        ["unknown rank"] = TestModels.UnknownRank,
        ["optional input"] = TestModels.OptionalInput,
        ["strings"] = TestModels.StringUpper,
        ["loop"] = () => TestModels.Slow(3),
        ["two inputs"] = TestModels.TwoInputsSum,
        ["zero size"] = TestModels.ZeroSize,
    };

    public static TheoryData<string> Models =>
        [.. Known.Keys, .. Directory.EnumerateFiles(Samples, ModelArtifact.ModelFileName, SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Samples, file))];

    [Theory]
    [MemberData(nameof(Models))]
    public void Load_SecondTime_TakesTheKeptGraphAndAnswersBitForBitTheSame(string name)
    {
        byte[] model = Known.TryGetValue(name, out Func<byte[]>? make) ? make() : File.ReadAllBytes(Path.Combine(Samples, name));
        using var folder = new GraphFolder();
        string without = folder.Start(minModelBytes: long.MaxValue).LoadAndDescribe(model);
        string first = folder.Start().LoadAndDescribe(model);
        GraphFolder.Process second = folder.Start();
        string again = second.LoadAndDescribe(model);

        Assert.Equal(without, first);
        Assert.Equal(without, again);
        Assert.Equal((1, 0), (second.Count("hit"), second.Count("damaged")));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void TryAdd_AnotherLoadWasFirst_ItsGraphIsAsGoodIfItIsTheSame(bool isSame, int unsaved)
    {
        using var folder = new GraphFolder();
        folder.Start().LoadAndDescribe(TestModels.LargeWeights(1 << 20));
        string kept = Assert.Single(folder.Kept);
        string key = Path.GetFileName(kept);
        string fingerprint = KeptGraph.Check(kept, key, CancellationToken.None)!;
        string mine = Path.Combine(folder.Graphs, ".mine");
        Directory.CreateDirectory(mine);
        foreach (string name in KeptGraph.Files.Where(name => name != KeptGraph.CheckFile))
        {
            File.Copy(Path.Combine(kept, name), Path.Combine(mine, name));
        }

        var metrics = new ServingMetrics(Metrics.NewCustomRegistry());
        var cache = new GraphCache(new GraphCacheOptions(folder.Graphs), metrics, NullLogger.Instance);

        Assert.Equal(isSame, cache.TryAdd(key, mine, isSame ? fingerprint : "another", CancellationToken.None));
        Assert.Equal(unsaved, metrics.GraphCacheGraphs.WithLabels("unsaved").Value);
        Assert.Equal(fingerprint, KeptGraph.Check(kept, key, CancellationToken.None));
        Assert.False(Directory.Exists(mine));
    }

    [Fact]
    public void Load_FirstTime_HoldsTheWeightsOnceAsAnyLaterLoadDoes()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, TestModels.Table(4096)));
        using IModelInstance instance = process.Load(artifact);

        // A session that saved its graph has the weights in memory, and those that they were read from as well.
        string weights = Path.Combine(Assert.Single(folder.Kept), KeptGraph.WeightsFile);
        Assert.Contains(File.ReadLines("/proc/self/maps"), line => line.EndsWith(weights, StringComparison.Ordinal));
        Assert.Equal((1, 1, 0), (process.Count("miss"), process.Count("saved"), process.Count("hit")));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(40_000)]
    public void Load_WeightsInASecondFile_TakesTheKeptGraph(int weights)
    {
        ExternalDataModel model = TestModels.WithExternalData("weights/part.bin", [.. Enumerable.Range(0, weights).Select(value => value / 4f)]);
        (string, byte[])[] files = [(ModelArtifact.ModelFileName, model.Model), (model.FileName, model.Data)];
        using var folder = new GraphFolder();
        string first = folder.Start().LoadAndDescribe(files);
        GraphFolder.Process second = folder.Start();

        Assert.Equal(first, second.LoadAndDescribe(files));
        Assert.Equal(1, second.Count("hit"));
    }

    [Theory]
    [InlineData(KeptGraph.GraphFile)]
    [InlineData(KeptGraph.WeightsFile)]
    [InlineData(KeptGraph.CheckFile)]
    public void Load_KeptFileChangedAnywhere_IsMadeAnew(string file)
    {
        byte[] model = TestModels.LargeWeights(1 << 18);
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        string expected = process.LoadAndDescribe(model);
        string path = Path.Combine(Assert.Single(folder.Kept), file);
        int length = (int)new FileInfo(path).Length;
        Action<byte[]>[] damages =
        [
            .. Enumerable.Range(0, 24).Select(i => (Action<byte[]>)(bytes => bytes[i * (length - 1) / 23] ^= (byte)(1 << (i % 8)))),
        ];
        int damaged = 0;
        foreach (Action<byte[]> damage in damages)
        {
            byte[] bytes = File.ReadAllBytes(path);
            damage(bytes);
            Replace(path, bytes);

            Assert.Equal(expected, process.LoadAndDescribe(model));
            Assert.Equal(++damaged, process.Count("damaged"));
            Assert.Equal(damaged + 1, process.Count("saved"));
        }

        Replace(path, File.ReadAllBytes(path)[..^1]);
        Assert.Equal(expected, process.LoadAndDescribe(model));
        Replace(path, []);
        Assert.Equal(expected, process.LoadAndDescribe(model));
        Assert.Equal(damaged + 2, process.Count("damaged"));

        File.Delete(path);
        Assert.Equal(expected, process.LoadAndDescribe(model));
        Assert.Equal(expected, process.LoadAndDescribe(model));
        Assert.Equal(1, process.Count("hit"));
    }

    [Fact]
    public void Load_GraphOfAnotherModelUnderTheName_IsNotBelieved()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        string expected = process.LoadAndDescribe(TestModels.AddConstant(1));
        string mine = Assert.Single(folder.Kept);
        string others = process.LoadAndDescribe(TestModels.AddConstant(2));
        string other = Assert.Single(folder.Kept, kept => kept != mine);
        Directory.Delete(mine, recursive: true);
        Directory.Move(other, mine);

        Assert.NotEqual(expected, others);
        Assert.Equal(expected, process.LoadAndDescribe(TestModels.AddConstant(1)));
        Assert.Equal(1, process.Count("damaged"));
        Assert.Equal(0, process.Count("hit"));
    }

    [Fact]
    public void Load_GraphSealedForAnotherSession_IsNotBelieved()
    {
        // As by a runtime that saved another graph than it ran: whole, of the right name, and yet not this model.
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        string expected = process.LoadAndDescribe(TestModels.TwoInputsSum());
        string kept = Assert.Single(folder.Kept);
        string key = Path.GetFileName(kept);
        Replace(Path.Combine(kept, KeptGraph.GraphFile), TestModels.AddConstant(2));
        File.Delete(Path.Combine(kept, KeptGraph.CheckFile));
        KeptGraph.Seal(kept, key, new string('0', 64), CancellationToken.None);

        Assert.Equal(expected, process.LoadAndDescribe(TestModels.TwoInputsSum()));
        Assert.Equal(1, process.Count("damaged"));
    }

    [Fact]
    public void Load_KeptGraphIsNoModel_TheOriginalIsLoaded()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        string expected = process.LoadAndDescribe(TestModels.Mlp());
        string kept = Assert.Single(folder.Kept);
        Replace(Path.Combine(kept, KeptGraph.GraphFile), TestModels.Broken());
        File.Delete(Path.Combine(kept, KeptGraph.CheckFile));
        KeptGraph.Seal(kept, Path.GetFileName(kept), new string('0', 64), CancellationToken.None);

        Assert.Equal(expected, process.LoadAndDescribe(TestModels.Mlp()));
        Assert.Equal((1, 0), (process.Count("damaged"), process.Count("hit")));

        // What was saved and cannot be loaded would be saved and not loaded for ever.
        Assert.Equal(expected, process.LoadAndDescribe(TestModels.Mlp()));
        Assert.Equal((1, 1), (process.Count("damaged"), process.Count("saved")));
    }

    [Fact]
    public void Load_EncryptedModel_LeavesNothingOnTheDisk()
    {
        EncryptionKey key = TestKeys.Make("k1", 1);
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start(keys: new EncryptionKeys([key]));
        byte[] plain = TestModels.LargeWeights(1 << 18);
        using var cipher = new MemoryStream();
        EncryptedFile.Encrypt(new MemoryStream(plain), cipher, ModelArtifact.ModelFileName, key);
        using ModelArtifact artifact = process.Artifact((ModelArtifact.EncryptedModelFileName, cipher.ToArray()));
        using IModelInstance instance = process.Load(artifact);

        Assert.Empty(folder.Kept);
        Assert.Equal([Path.Combine(artifact.Directory, ModelArtifact.EncryptedModelFileName)], Directory.GetFileSystemEntries(artifact.Directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }));
    }

    [Fact]
    public void Load_NotWorthKeepingOrNotOptimized_KeepsNothing()
    {
        using var folder = new GraphFolder();
        folder.Start(minModelBytes: 1 << 20).LoadAndDescribe(TestModels.Mlp());
        folder.Start().LoadAndDescribe(TestModels.Mlp(), "graph_optimization: off");

        Assert.Empty(folder.Kept);
    }

    [Fact]
    public void Load_OtherLevels_AreOtherGraphs()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        foreach (string level in new[] { "basic", "extended", "all" })
        {
            process.LoadAndDescribe(TestModels.Mlp(), $"graph_optimization: {level}");
        }

        Assert.Equal(3, folder.Kept.Count);
        Assert.Equal(0, process.Count("hit"));
    }

    [Fact]
    public void Key_ChangesWithAllThatAGraphDependsOn()
    {
        string[] keys =
        [
            GraphKey.Of("digest", GraphOptimization.All, "1.0", "cpu"),
            GraphKey.Of("other", GraphOptimization.All, "1.0", "cpu"),
            GraphKey.Of("digest", GraphOptimization.Basic, "1.0", "cpu"),
            GraphKey.Of("digest", GraphOptimization.All, "1.1", "cpu"),
            GraphKey.Of("digest", GraphOptimization.All, "1.0", "another cpu"),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(GraphKey.Of("digest", GraphOptimization.All), GraphKey.Of("digest", GraphOptimization.All));
        Assert.DoesNotContain('\n', GraphKey.Processor);
    }

    [Fact]
    public void Load_GraphCannotBeSaved_TheModelIsLoaded()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, TestModels.Mlp()));

        // In the place of the file that ONNX Runtime is to write.
        Directory.CreateDirectory(Path.Combine(artifact.Directory, ".graph", KeptGraph.GraphFile));
        using IModelInstance instance = process.Load(artifact);

        Assert.Equal("x", instance.Signature.Inputs[0].Name);
        Assert.Empty(folder.Kept);
        Assert.Equal(1, process.Count("unsaved"));
    }

    [Fact]
    public void Load_ModelCannotBeServed_SaysWhyAndKeepsNothing()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, TestModels.UnknownOperator()));

        ModelLoadException failure = Assert.Throws<ModelLoadException>(() => process.Load(artifact));
        Assert.Contains("NoSuchOperator", failure.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Kept);
        Assert.Equal(0, process.Count("unsaved"));
    }

    [Fact]
    public void Add_MoreThanTheBound_TheOneUsedLongestAgoGoes()
    {
        using var folder = new GraphFolder();
        byte[][] models = [.. Enumerable.Range(0, 4).Select(i => TestModels.LargeWeights((i + 1) << 16))];
        GraphFolder.Process process = folder.Start(maxBytes: 500_000);
        process.LoadAndDescribe(models[0]);
        process.LoadAndDescribe(models[1]);
        foreach ((string kept, int hoursAgo) in folder.Kept.Select((kept, i) => (kept, i + 1)))
        {
            Directory.SetLastWriteTimeUtc(kept, DateTime.UtcNow.AddHours(-hoursAgo));
        }

        process.LoadAndDescribe(models[0]);
        process.LoadAndDescribe(models[2]);
        process.LoadAndDescribe(models[3]);

        Assert.True(process.Bytes <= 500_000, $"{process.Bytes}");
        Assert.Equal(process.Bytes, folder.Kept.Sum(KeptGraph.SizeOf));
        Assert.True(process.Count("evicted") >= 2);
        process.LoadAndDescribe(models[3]);
        Assert.Equal(2, process.Count("hit"));
    }

    [Fact]
    public void Start_FolderOverTheBound_IsTrimmed()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process process = folder.Start();
        process.LoadAndDescribe(TestModels.LargeWeights(1 << 18));
        process.LoadAndDescribe(TestModels.LargeWeights(1 << 17));
        Directory.CreateDirectory(Path.Combine(folder.Graphs, ".half-removed"));

        GraphFolder.Process next = folder.Start(maxBytes: 300_000);

        Assert.Single(folder.Kept);
        Assert.Equal(1, next.Count("evicted"));
        Assert.Empty(Directory.GetDirectories(folder.Graphs, ".*"));
    }

    [Fact]
    public void Load_GraphRemovedWhileItsSessionLives_GoesOnAnswering()
    {
        using var folder = new GraphFolder();
        byte[] model = TestModels.LargeWeights(1 << 20);
        string expected = folder.Start().LoadAndDescribe(model);
        GraphFolder.Process process = folder.Start();
        using ModelArtifact artifact = process.Artifact((ModelArtifact.ModelFileName, model));
        using IModelInstance instance = process.Load(artifact);
        Directory.Delete(Assert.Single(folder.Kept), recursive: true);

        Assert.Equal(1, process.Count("hit"));
        Assert.Equal(expected, GraphFolder.Process.Describe(instance));
    }

    [Fact]
    public void Load_AnotherProcessSavedMeanwhile_ItsGraphCountsToo()
    {
        using var folder = new GraphFolder();
        GraphFolder.Process first = folder.Start(maxBytes: 220_000);
        GraphFolder.Process second = folder.Start(maxBytes: 220_000);

        // Either has room for its own, the folder not for both.
        first.LoadAndDescribe(TestModels.LargeWeights(3 << 16));
        second.LoadAndDescribe(TestModels.LargeWeights(2 << 16));

        Assert.Equal(1, second.Count("evicted"));
        Assert.InRange(second.Bytes, 2 << 16, 220_000);
    }

    [Fact]
    public async Task Load_TwoProcessesOnOneFolderWithRoomForOne_AllAnswerRight()
    {
        using var folder = new GraphFolder();
        byte[][] models = [.. Enumerable.Range(1, 3).Select(i => TestModels.LargeWeights(i << 16))];
        string[] expected = [.. models.Select(model => folder.Start(minModelBytes: long.MaxValue).LoadAndDescribe(model))];
        GraphFolder.Process[] processes = [folder.Start(maxBytes: 220_000), folder.Start(maxBytes: 220_000), folder.Start(maxBytes: 220_000)];

        await Task.WhenAll(processes.SelectMany(process => Enumerable.Range(0, 2).Select(worker => Task.Run(() =>
        {
            for (int round = 0; round < 20; round++)
            {
                // Each twice, so that what was saved may be found before it is evicted.
                int which = ((round / 2) + worker) % models.Length;
                Assert.Equal(expected[which], process.LoadAndDescribe(models[which]));
            }
        }))));

        Assert.Contains(processes, process => process.Count("hit") > 0);
        Assert.Contains(processes, process => process.Count("evicted") > 0);
    }

    // The kept files are read-only, and links of them may be in use.
    private static void Replace(string path, byte[] content)
    {
        File.Delete(path);
        File.WriteAllBytes(path, content);
    }
}
