using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class ModelConfigErrorTests
{
    [Theory]
    [InlineData("instances: 0", "line 1: instances: expects an integer from 1 to 256, but got '0'")]
    [InlineData("instances: 257", "line 1: instances: expects an integer from 1 to 256, but got '257'")]
    [InlineData("instances: 1.5", "line 1: instances: expects an integer from 1 to 256, but got '1.5'")]
    [InlineData("instances: 99999999999999999999", "line 1: instances: expects an integer from 1 to 256, but got '99999999999999999999'")]
    [InlineData("instances: '4'", "line 1: instances: expects an integer from 1 to 256, but got the text '4' in quotes")]
    [InlineData("instances: [4]", "line 1: instances: expects an integer from 1 to 256, but got a list")]
    [InlineData("threads: 1000", "line 1: threads: expects an integer from 1 to 256, but got '1000'")]
    [InlineData("threads:\n\n\nwarmup: off", "line 1: threads: expects an integer from 1 to 256, but got nothing")]
    [InlineData("threads: ~", "line 1: threads: expects an integer from 1 to 256, but got nothing")]
    [InlineData("{\"threads\": null}", "line 1: threads: expects an integer from 1 to 256, but got nothing")]
    [InlineData("description: ''", "line 1: description: expects a text of 1 to 1000 characters, but got the text '' in quotes")]
    [InlineData("description:", "line 1: description: expects a text of 1 to 1000 characters, but got nothing")]
    [InlineData("description: {a: b}", "line 1: description: expects a text of 1 to 1000 characters, but got a map")]
    [InlineData("graph_optimization: Basic", "line 1: graph_optimization: expects off, basic, extended or all, but got 'Basic'. Did you mean 'basic'?")]
    [InlineData("graph_optimization: true", "line 1: graph_optimization: expects off, basic, extended or all, but got 'true'")]
    [InlineData("graph_optimization: 'false'", "line 1: graph_optimization: expects off, basic, extended or all, but got the text 'false' in quotes")]
    [InlineData("execution_provider: CPU", "line 1: execution_provider: expects a lower-case name such as cpu, but got 'CPU'")]
    [InlineData("execution_provider: true", "line 1: execution_provider: expects a lower-case name such as cpu, but got 'true'")]
    [InlineData("execution_provider: \"cpu\\n\"", "line 1: execution_provider: expects a lower-case name such as cpu, but got the text 'cpu ' in quotes")]
    [InlineData("memory_arena: yes", "line 1: memory_arena: expects true or false, but got 'yes'")]
    [InlineData("memory_arena: 'true'", "line 1: memory_arena: expects true or false, but got the text 'true' in quotes")]
    [InlineData("memory_arena: 1", "line 1: memory_arena: expects true or false, but got '1'")]
    [InlineData("version_policy: lates", "line 1: version_policy: expects all or latest, but got 'lates'. Did you mean 'latest'?")]
    [InlineData("version_policy: 3", "line 1: version_policy: expects all, latest, {latest: n} or {specific: [n, ...]}, but got '3'")]
    [InlineData("version_policy: [1]", "line 1: version_policy: expects all, latest, {latest: n} or {specific: [n, ...]}, but got a list")]
    [InlineData("version_policy: {}", "line 1: version_policy: expects one of the keys latest and specific")]
    [InlineData("version_policy: {latest: 1, specific: [1]}", "line 1: version_policy: expects one of the keys latest and specific")]
    [InlineData("version_policy: {latest: 101}", "line 1: version_policy.latest: expects an integer from 1 to 100, but got '101'")]
    [InlineData("version_policy: {specific: []}", "line 1: version_policy.specific: expects a list of version numbers, but has 0 items")]
    [InlineData("version_policy: {specific: [0]}", "line 1: version_policy.specific[0]: expects an integer from 1, but got '0'")]
    [InlineData("version_policy:\n  specific:\n  - 2\n  - 2", "line 4: version_policy.specific[1]: '2' is in the list already")]
    [InlineData("version_policy: {newest: 1}", "line 1: version_policy.newest: is not a known key. Known here: latest, specific.")]
    [InlineData("labels: {stable: 0}", "line 1: labels.stable: expects an integer from 1, but got '0'")]
    [InlineData("labels: {3: 3}", "line 1: labels.3: expects as its name a letter, then up to 63 letters, digits, dots, hyphens or underscores")]
    [InlineData("labels: {\"a\\n\": 3}", "line 1: labels.'a ': expects as its name a letter, then up to 63 letters, digits, dots, hyphens or underscores")]
    [InlineData("labels: [stable]", "line 1: labels: expects a map of labels to version numbers, but got a list")]
    [InlineData("class_labels: {y: a}", "line 1: class_labels.y: expects a list of class names, but got 'a'")]
    [InlineData("class_labels: {y: []}", "line 1: class_labels.y: expects a list of class names, but has 0 items")]
    [InlineData("class_labels: {y: [a, ~]}", "line 1: class_labels.y[1]: expects a class name of 1 to 1000 characters, but got nothing")]
    [InlineData("limits: 5", "line 1: limits: expects a map of limits, but got '5'")]
    [InlineData("limits:", "line 1: limits: expects a map of limits, but got nothing")]
    [InlineData("limits: {time_out: 3s}", "line 1: limits.time_out: is not a known key. Did you mean 'timeout'?")]
    [InlineData("limits: {max_body_bytes: 1023}", "line 1: limits.max_body_bytes: expects a number of bytes or a size such as 64MiB, from 1KiB to 1GiB, but got '1023'")]
    [InlineData("limits: {max_body_bytes: 999999999999GiB}", "line 1: limits.max_body_bytes: expects a number of bytes or a size such as 64MiB, from 1KiB to 1GiB, but got '999999999999GiB'")]
    [InlineData("limits: {max_body_bytes: 17179869185GiB}", "line 1: limits.max_body_bytes: expects a number of bytes or a size such as 64MiB, from 1KiB to 1GiB, but got '17179869185GiB'")]
    [InlineData("limits: {max_body_bytes: 64M}", "line 1: limits.max_body_bytes: expects a number of bytes or a size such as 64MiB, from 1KiB to 1GiB, but got '64M'")]
    [InlineData("limits: {timeout: 30}", "line 1: limits.timeout: expects a duration such as 500ms, 30s or 2m, from 1ms to 1h, but got '30'")]
    [InlineData("limits: {timeout: 0s}", "line 1: limits.timeout: expects a duration such as 500ms, 30s or 2m, from 1ms to 1h, but got '0s'")]
    [InlineData("limits: {timeout: 61m}", "line 1: limits.timeout: expects a duration such as 500ms, 30s or 2m, from 1ms to 1h, but got '61m'")]
    [InlineData("limits: {timeout: \"1s\\n\"}", "line 1: limits.timeout: expects a duration such as 500ms, 30s or 2m, from 1ms to 1h, but got the text '1s ' in quotes")]
    [InlineData("limits: {queue_length: -1}", "line 1: limits.queue_length: expects an integer from 0 to 100000, but got '-1'")]
    [InlineData("cache: 5", "line 1: cache: expects on, off or a map of settings, but got '5'")]
    [InlineData("cache:", "line 1: cache: expects on, off or a map of settings, but got nothing")]
    [InlineData("cache: [on]", "line 1: cache: expects on, off or a map of settings, but got a list")]
    [InlineData("cache: never", "line 1: cache: expects on or off, but got 'never'")]
    [InlineData("cache: {enabled: on}", "line 1: cache.enabled: expects true or false, but got 'on'")]
    [InlineData("cache: {ttl: 60}", "line 1: cache.ttl: expects a duration such as 30s, 10m, 12h or 7d, from 1s to 30d, but got '60'")]
    [InlineData("cache: {ttl: 0s}", "line 1: cache.ttl: expects a duration such as 30s, 10m, 12h or 7d, from 1s to 30d, but got '0s'")]
    [InlineData("cache: {ttl: 31d}", "line 1: cache.ttl: expects a duration such as 30s, 10m, 12h or 7d, from 1s to 30d, but got '31d'")]
    [InlineData("cache: {stale_while_revalidate: 721h}", "line 1: cache.stale_while_revalidate: expects a duration such as 30s, 10m, 12h or 7d, from 0s to 30d, but got '721h'")]
    [InlineData("cache: {max_value_bytes: 2GiB}", "line 1: cache.max_value_bytes: expects a number of bytes or a size such as 64MiB, from 1KiB to 1GiB, but got '2GiB'")]
    [InlineData("cache: {tll: 1m}", "line 1: cache.tll: is not a known key. Did you mean 'ttl'?")]
    [InlineData("rows_independent: on", "line 1: rows_independent: expects true or false, but got 'on'")]
    [InlineData("colour: red", "line 1: colour: is not a known key. Known here: description, version_policy, labels, metadata, version_metadata, instances, weight, batching, threads, graph_optimization, execution_provider, memory_arena, pinned, warmup, class_labels, limits, cache, rows_independent.")]
    [InlineData("Threads: 1", "line 1: Threads: is not a known key. Did you mean 'threads'?")]
    [InlineData("- threads: 1", "line 1: expects a map of settings, but got a list")]
    [InlineData("iris", "line 1: expects a map of settings, but got 'iris'")]
    public void Read_WrongValue_SaysWhereAndWhatWasExpected(string yaml, string error) => Assert.Equal([error], Errors(yaml));

    [Fact]
    public void Read_ManyErrors_ListsAllByLine()
    {
        const string Yaml = """
            threads: many
            limits:
              timeout: soon
              queue: 3
            labels:
              1st: 0
            warmup:
              - inputs: {x: [[1], 2]}
                count: 0
                times: 3
              - times: 1
                count: 0
            threads: 2
            """;

        Assert.Equal(
            [
                "line 1: threads: expects an integer from 1 to 256, but got 'many'",
                "line 3: limits.timeout: expects a duration such as 500ms, 30s or 2m, from 1ms to 1h, but got 'soon'",
                "line 4: limits.queue: is not a known key. Known here: max_batch_size, max_body_bytes, queue_length, timeout.",
                "line 6: labels.1st: expects as its name a letter, then up to 63 letters, digits, dots, hyphens or underscores",
                "line 6: labels.1st: expects an integer from 1, but got '0'",
                "line 8: warmup[0].inputs.x[1]: is ragged: the shape so far is [2, 1], so a list of 1 is expected, but this is '2'",
                "line 9: warmup[0].count: expects an integer from 1 to 1000, but got '0'",
                "line 10: warmup[0].times: is not a known key. Known here: inputs, count.",
                "line 11: warmup[1].times: is not a known key. Known here: inputs, count.",
                "line 11: warmup[1]: needs the key inputs",
                "line 12: warmup[1].count: expects an integer from 1 to 1000, but got '0'",
                "line 13: threads: is given more than once, first in line 1",
            ],
            Errors(Yaml));
        Assert.Equal(string.Join("; ", Errors(Yaml)), ModelConfigReader.Read(Yaml).Reason);
    }

    [Fact]
    public void Read_EndlessErrors_StopsListingAndCounts()
    {
        string yaml = string.Concat(Enumerable.Range(0, 1000).Select(i => $"colour{i}: red\n"));
        string[] errors = Errors(yaml);
        Assert.Equal(101, errors.Length);
        Assert.Equal("line 100: and 900 more errors", errors[^1]);
    }

    private static string[] Errors(string yaml)
    {
        ModelConfigResult result = ModelConfigReader.Read(yaml);
        Assert.False(result.IsValid);
        Assert.Null(result.Config);
        return [.. result.Errors.Select(error => error.ToString())];
    }
}
