using System.Text.Json.Nodes;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Models.Configuration;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class ModelConfigReaderTests
{
    [Theory]
    [InlineData("")]
    [InlineData("  \n\n")]
    [InlineData("# nothing but a comment\n")]
    [InlineData("---\n")]
    [InlineData("---\n...\n")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("\uFEFF")]
    public void Read_NoKey_IsTheDefault(string yaml)
    {
        ModelConfig config = Valid(yaml);
        Assert.Equal(Canonical(ModelConfig.Default), Canonical(config));
        Assert.Equal(ModelConfig.Default.LoadFingerprint, config.LoadFingerprint);
        Assert.Equal(64, config.LoadFingerprint.Length);
    }

    [Fact]
    public void Read_EveryKey_SetsItsProperty()
    {
        ModelConfig config = Valid("""
            description: >
              Finds spam
              in mail.
            version_policy: {latest: 2}
            labels: {stable: 3, canary: 9223372036854775807}
            instances: 4
            threads: 1
            graph_optimization: extended
            execution_provider: cpu
            memory_arena: true
            warmup:
              - inputs: {ids: [[1, 2, 3], [4, 5, 6]], "mask:0": {shape: [2, 3], fill: one}}
                count: 7
            class_labels: {label: [ham, spam, 7, true, "null"]}
            limits: {max_batch_size: 8, max_body_bytes: 2MiB, queue_length: 0, timeout: 1500ms}
            cache: {enabled: true, ttl: 7d, max_value_bytes: 4MiB, stale_while_revalidate: 90s}
            rows_independent: true
            """);

        Assert.Equal("Finds spam in mail.", config.Description);
        Assert.Equal(new VersionPolicy.Latest(2), config.VersionPolicy);
        Assert.Equal(new Dictionary<string, long> { ["stable"] = 3, ["canary"] = long.MaxValue }, config.Labels);
        Assert.Equal((4, 1), (config.Instances, config.Threads));
        Assert.Equal(GraphOptimization.Extended, config.GraphOptimization);
        Assert.Equal("cpu", config.ExecutionProvider);
        Assert.True(config.MemoryArena);
        Assert.Equal(["ham", "spam", "7", "true", "null"], config.ClassLabels["label"]);
        Assert.Equal(
            new ModelLimits { MaxBatchSize = 8, MaxBodyBytes = 2 << 20, QueueLength = 0, Timeout = TimeSpan.FromSeconds(1.5) },
            config.Limits);
        Assert.Equal(
            new ModelCacheConfig { Enabled = true, Ttl = TimeSpan.FromDays(7), MaxValueBytes = 4 << 20, StaleWhileRevalidate = TimeSpan.FromSeconds(90) },
            config.Cache);
        Assert.True(config.RowsIndependent);

        WarmupRequest request = Assert.Single(config.Warmup.Requests);
        Assert.Equal(7, request.Count);
        var ids = Assert.IsType<WarmupInput.Literal>(request.Inputs["ids"]);
        Assert.Equal([2, 3], ids.Shape);
        Assert.Equal(["1", "2", "3", "4", "5", "6"], ids.Scalars);
        var mask = Assert.IsType<WarmupInput.Filled>(request.Inputs["mask:0"]);
        Assert.Equal([2, 3], mask.Shape);
        Assert.Equal(WarmupFill.One, mask.Kind);
    }

    [Theory]
    [InlineData("version_policy: all", "version_policy", "\"all\"")]
    [InlineData("version_policy: latest", "version_policy", "{\"latest\":1}")]
    [InlineData("version_policy: {latest: 100}", "version_policy", "{\"latest\":100}")]
    [InlineData("version_policy: {specific: [3, 1]}", "version_policy", "{\"specific\":[3,1]}")]
    [InlineData("version_policy:\n  specific:\n    - 3\n", "version_policy", "{\"specific\":[3]}")]
    [InlineData("instances: 1", "instances", "1")]
    [InlineData("instances: 256", "instances", "256")]
    [InlineData("threads: +2", "threads", "2")]
    [InlineData("graph_optimization: off", "graph_optimization", "\"off\"")]
    [InlineData("graph_optimization: false", "graph_optimization", "\"off\"")]
    [InlineData("graph_optimization: \"off\"", "graph_optimization", "\"off\"")]
    [InlineData("graph_optimization: basic", "graph_optimization", "\"basic\"")]
    [InlineData("memory_arena: False", "memory_arena", "false")]
    [InlineData("memory_arena: TRUE", "memory_arena", "true")]
    [InlineData("execution_provider: tensorrt-rtx_2", "execution_provider", "\"tensorrt-rtx_2\"")]
    [InlineData("warmup: off", "warmup", "\"off\"")]
    [InlineData("warmup: FALSE", "warmup", "\"off\"")]
    [InlineData("warmup: auto", "warmup", "\"auto\"")]
    [InlineData("warmup: [{inputs: {}}]", "warmup", "[{\"inputs\":{},\"count\":1}]")]
    [InlineData("limits: {max_body_bytes: 1024}", "limits", "{\"max_body_bytes\":1024}")]
    [InlineData("limits: {max_body_bytes: 1 GiB}", "limits", "{\"max_body_bytes\":1073741824}")]
    [InlineData("limits: {max_body_bytes: 64kB}", "limits", "{\"max_body_bytes\":64000}")]
    [InlineData("limits: {max_body_bytes: '2048B'}", "limits", "{\"max_body_bytes\":2048}")]
    [InlineData("limits: {timeout: 1ms}", "limits", "{\"timeout\":\"1ms\"}")]
    [InlineData("limits: {timeout: 30s}", "limits", "{\"timeout\":\"30000ms\"}")]
    [InlineData("limits: {timeout: 2m}", "limits", "{\"timeout\":\"120000ms\"}")]
    [InlineData("limits: {timeout: 1h}", "limits", "{\"timeout\":\"3600000ms\"}")]
    [InlineData("limits: {}", "limits", "{}")]
    [InlineData("cache: on", "cache", "{\"enabled\":true}")]
    [InlineData("cache: TRUE", "cache", "{\"enabled\":true}")]
    [InlineData("cache: 'on'", "cache", "{\"enabled\":true}")]
    [InlineData("cache: off", "cache", "{\"enabled\":false}")]
    [InlineData("cache: false", "cache", "{\"enabled\":false}")]
    [InlineData("cache: {}", "cache", "{}")]
    [InlineData("cache: {ttl: 1s}", "cache", "{\"ttl\":\"1s\"}")]
    [InlineData("cache: {ttl: 30d}", "cache", "{\"ttl\":\"2592000s\"}")]
    [InlineData("cache: {stale_while_revalidate: 0s}", "cache", "{\"stale_while_revalidate\":\"0s\"}")]
    [InlineData("rows_independent: true", "rows_independent", "true")]
    [InlineData("class_labels: {y: [a]}\r\n", "class_labels", "{\"y\":[\"a\"]}")]
    [InlineData("class_labels: {y: [' the', \" \"]}", "class_labels", "{\"y\":[\" the\",\" \"]}")]
    [InlineData("description: |\n  one\n  two\n\n", "description", "\"one\\ntwo\"")]
    [InlineData("description: ' '\nthreads: 1", "threads", "1")]
    [InlineData("{\"labels\":{\"a.b-c_1\":1}}", "labels", "{\"a.b-c_1\":1}")]
    [InlineData("{\n\t\"instances\": 2,\n\t\"warmup\": false\n}", "warmup", "\"off\"")]
    [InlineData("{\"description\":\"a\\/b \\ud83d\\ude00\"}", "description", "\"a/b 😀\"")]
    public void Read_Value_HasThisMeaning(string yaml, string key, string canonical)
    {
        JsonNode? written = ModelConfigKeys.File.Write(Valid(yaml))[key];
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(canonical), written), $"{written?.ToJsonString()} is not {canonical}");
        Assert.Empty(SchemaCheck.Faults(yaml));
    }

    [Theory]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    public void Read_LongDescription_IsBounded(int length, bool isValid)
    {
        string yaml = $"description: {new string('x', length)}";
        Assert.Equal(isValid, ModelConfigReader.Read(yaml).IsValid);
        Assert.Equal(isValid, SchemaCheck.Faults(yaml).Count == 0);
    }

    private static ModelConfig Valid(string yaml)
    {
        ModelConfigResult result = ModelConfigReader.Read(yaml);
        Assert.Null(result.Reason);
        Assert.True(result.IsValid);
        return result.Config;
    }

    private static string Canonical(ModelConfig config) => ModelConfigKeys.File.Write(config).ToJsonString();
}
