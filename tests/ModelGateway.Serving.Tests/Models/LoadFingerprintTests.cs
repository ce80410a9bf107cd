using ModelGateway.Serving.Models;
using ModelGateway.Serving.Models.Configuration;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class LoadFingerprintTests
{
    private static readonly string[] Live = ["description: x", "pinned: true", "version_policy: all", "labels: {a: 1}", "metadata: {team: vision}", "version_metadata: {3: {run_id: 4f1c}}"];

    private static readonly string[] Loading =
    [
        "instances: 2", "weight: 2", "batching: off", "threads: 2", "graph_optimization: basic", "execution_provider: cpu", "memory_arena: true", "warmup: off",
        "class_labels: {y: [a]}", "limits: {timeout: 1s}",
        "cache: {ttl: 1m}", "rows_independent: true",
    ];

    // Every pair of these is told apart.
    private static readonly string[] Different =
    [
        "", .. Loading, "instances: 3", "threads: 3", "memory_arena: false", "class_labels: {y: [b]}", "class_labels: {z: [a]}", "limits: {timeout: 2s}",
        "limits: {queue_length: 1}", "limits: {max_batch_size: 1}", "limits: {max_body_bytes: 1MiB}",
        "warmup: [{inputs: {}}]", "warmup: [{inputs: {}, count: 2}]", "warmup: [{inputs: {x: 1}}]", "warmup: [{inputs: {x: [1]}}]", "warmup: [{inputs: {x: [2]}}]",
        "warmup: [{inputs: {x: {shape: [1]}}}]", "warmup: [{inputs: {x: {shape: [1], fill: one}}}]", "warmup: [{inputs: {y: 1}}]",
        "batching: on", "batching: {max_batch_size: 8}", "batching: {preferred_sizes: [4]}", "batching: {max_delay: 2ms}",
        "cache: on", "cache: off", "cache: {ttl: 1h}", "cache: {max_value_bytes: 1MiB}", "cache: {stale_while_revalidate: 1m}", "cache: {stale_while_revalidate: 0s}",
    ];

    [Fact]
    public void LoadFingerprint_SamplesOfThisTest_CoverEveryKey() =>
        Assert.Equal(
            ModelConfigKeys.File.Below.Select(row => row.Path[1..]).Where(path => path.IndexOfAny(['.', '[']) < 0).Order(),
            Live.Concat(Loading).Select(yaml => yaml.Split(':')[0]).Order());

    [Fact]
    public void LoadFingerprint_LiveKeys_MakeNoDifference() =>
        Assert.All(Live, yaml => Assert.Equal(ModelConfig.Default.LoadFingerprint, Fingerprint(yaml)));

    [Fact]
    public void LoadFingerprint_EveryOtherKey_MakesADifference() =>
        Assert.Equal(Different.Length, Different.Select(Fingerprint).Distinct().Count());

    [Theory]
    [InlineData("limits: {max_body_bytes: 1MiB}", "limits: {max_body_bytes: 1048576}")]
    [InlineData("limits: {timeout: 60s}", "limits: {timeout: 1m}")]
    [InlineData("threads: 2\ninstances: 3", "{\"instances\": 3, \"threads\": 2}")]
    [InlineData("class_labels: {a: [x], b: [y]}", "class_labels: {b: [y], a: [x]}")]
    [InlineData("warmup: off", "warmup: false")]
    [InlineData("warmup: [{inputs: {x: {shape: [2]}}}]", "warmup: [{count: 1, inputs: {x: {fill: zero, shape: [2]}}}]")]
    [InlineData("cache: off", "cache: {enabled: false}")]
    [InlineData("cache: on", "cache: true")]
    [InlineData("cache: {ttl: 3600s, max_value_bytes: 1024}", "cache: {max_value_bytes: 1KiB, ttl: 60 m}")]
    [InlineData("", "warmup: auto\ngraph_optimization: all\nlimits: {}\nclass_labels: {}\ncache: {}\nrows_independent: false")]
    public void LoadFingerprint_SameMeaning_IsTheSame(string one, string other) => Assert.Equal(Fingerprint(one), Fingerprint(other));

    [Fact]
    public void Write_AnyConfiguration_IsReadAsTheSame()
    {
        foreach (string yaml in Different.Concat(Live))
        {
            ModelConfig config = ModelConfigReader.Read(yaml).Config!;
            string written = ModelConfigKeys.File.Write(config).ToJsonString();
            ModelConfigResult again = ModelConfigReader.Read(written);
            Assert.Null(again.Reason);
            Assert.Equal(config.LoadFingerprint, again.Config!.LoadFingerprint);
            Assert.Equal(written, ModelConfigKeys.File.Write(again.Config).ToJsonString());
        }
    }

    private static string Fingerprint(string yaml) => ModelConfigReader.Read(yaml).Config!.LoadFingerprint;
}
