using System.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests.Models.Configuration;

public sealed class ConfigNodeParserTests
{
    [Theory]
    [InlineData("threads: 1\nlabels: {stable: 3", 2, "is not YAML: ")]
    [InlineData("threads: 1\n\tinstances: 2", 1, "is not YAML: While scanning a plain scalar, found a tab character that violate indentation. (noticed in line 2)")]
    [InlineData("threads: 1\ndescription: \"abc", 2, "is not YAML: ")]
    [InlineData("threads: 1\n instances: 2", 2, "is not YAML: ")]
    [InlineData("threads: 1\n--- \ninstances: 2\n", 2, "a second document begins here")]
    [InlineData("---\nthreads: 1\n---\n", 3, "a second document begins here")]
    [InlineData("%YAML 3.0\n---\nthreads: 1", 1, "is not YAML: ")]
    [InlineData("@", 1, "is not YAML: ")]
    public void Read_TextThatIsNotOneYamlDocument_IsOneErrorWithItsLine(string yaml, int line, string message)
    {
        ModelConfigError error = Assert.Single(ModelConfigReader.Read(yaml).Errors);
        Assert.Equal((line, ""), (error.Line, error.Path));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    // YamlDotNet throws other things than YamlException for these.
    [Theory]
    [InlineData("threads: 1\nclass_labels: {y: [a, b}\ninstances: 2", 2)]
    [InlineData("threads: 1\nversion_policy: [1, 2\ninstances: 2", 2)]
    [InlineData("threads: 1\ndescription: \"\\UFFFFFFFF\"", 2)]
    [InlineData("threads: 1\ndescription: !!], x", 2)]
    public void Read_TextThatBreaksTheParser_IsOneErrorWithItsLine(string yaml, int line)
    {
        ModelConfigError error = Assert.Single(ModelConfigReader.Read(yaml).Errors);
        Assert.Equal(line, error.Line);
        Assert.StartsWith("is not YAML", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("threads: &t 2\ninstances: *t", "line 2: instances: the alias '*t' is not supported; write the value itself")]
    [InlineData("labels: &a {b: 1}\nlimits:\n  <<: *a", "line 3: limits.'<<': the alias '*a' is not supported; write the value itself")]
    [InlineData("*a : 1", "line 1: '?': the alias '*a' is not supported; write the value itself")]
    [InlineData("threads: !!int 2", "line 1: threads: the tag 'tag:yaml.org,2002:int' is not supported; quotes make a text of a value")]
    [InlineData("warmup: [{inputs: {x: [!half 2]}}]", "line 1: warmup[0].inputs.x[0]: the tag '!half' is not supported; quotes make a text of a value")]
    [InlineData("? [threads]\n: 1", "line 1: '?': a key must be a word, but is a list")]
    [InlineData("threads: 1\nthreads: 1", "line 2: threads: is given more than once, first in line 1")]
    [InlineData("{\"limits\": {\"timeout\": \"1s\", \"timeout\": \"1s\"}}", "line 1: limits.timeout: is given more than once, first in line 1")]
    [InlineData("labels:\n  a: 1\n  b: 2\n  a: 3", "line 4: labels.a: is given more than once, first in line 2")]
    [InlineData("class_labels: {y: [\"a\"], 'y': [b]}", "line 1: class_labels.y: is given more than once, first in line 1")]
    public void Read_YamlThatIsNotOurs_NamesThePlace(string yaml, string error) =>
        Assert.Equal(error, Assert.Single(ModelConfigReader.Read(yaml).Errors).ToString());

    [Fact]
    public void Read_AnchorWithoutAlias_IsHarmless() => Assert.Equal(2, ModelConfigReader.Read("threads: &unused 2").Config!.Threads);

    public static TheoryData<string, string> Hostile => new()
    {
        { "alias bomb", AliasBomb() },
        { "deep lists", new string('[', 1_000_000) },
        { "deep maps", string.Concat(Enumerable.Repeat("{a: ", 200_000)) },
        { "deep block lists", string.Concat(Enumerable.Repeat("- ", 500_000)) },
        { "deep complex keys", string.Concat(Enumerable.Repeat("? ", 500_000)) },
        { "deep warm-up value", $"warmup: [{{inputs: {{x: {new string('[', 30)}1{new string(']', 30)}}}}}]" },
        { "many keys", string.Concat(Enumerable.Range(0, 100_000).Select(i => $"k{i}: 1\n")) },
        { "one long key", new string('k', 1_000_000) + ": 1" },
        { "long list", $"class_labels: {{y: [{string.Concat(Enumerable.Repeat("~,", 400_000))}]}}" },
        { "too long", "# " + new string('x', 1 << 20) },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Read_HostileText_IsRefusedSoon(string what, string yaml)
    {
        var watch = Stopwatch.StartNew();
        ModelConfigResult result = ModelConfigReader.Read(yaml);
        Assert.False(result.IsValid, what);
        Assert.InRange(result.Errors.Count, 1, 101);
        Assert.All(result.Errors, error => Assert.InRange(error.ToString().Length, 1, 400));

        // A machine under load may take long; without its bounds the reader takes minutes.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Read_DeepestWarmupValue_IsRead()
    {
        // Root, warmup, request, inputs and 27 lists make 31 levels; the number stands in the last that is allowed.
        string yaml = $"warmup: [{{inputs: {{x: {new string('[', 27)}1{new string(']', 27)}}}}}]";
        Assert.Null(ModelConfigReader.Read(yaml).Reason);
    }

    [Fact]
    public void Read_TooDeepWarmupValue_IsRefusedAtItsLine()
    {
        string yaml = $"warmup:\n- inputs:\n    x: {new string('[', 28)}1{new string(']', 28)}";
        Assert.Equal("line 3: is nested more than 32 levels deep", Assert.Single(ModelConfigReader.Read(yaml).Errors).ToString());
    }

    [Fact]
    public void Read_MutatedExamples_NeverThrowsAndNeverOutwitsTheSchema()
    {
        string example = CheckedInFile.Read("docs/model-config.md").Split("```yaml\n")[1].Split("```")[0];
        const string Alphabet = "[]{}:,-?&*!|>'\"%@`#\n\r \tab01.\\U~<=\u0085\uFEFF\0\ud83d";
        var random = new Random(1);
        int valid = 0;
        for (int i = 0; i < 6_000; i++)
        {
            string yaml = Mutate(example, Alphabet, random);
            ModelConfigResult result = ModelConfigReader.Read(yaml);
            Assert.NotEqual(result.IsValid, result.Errors.Count > 0);
            Assert.All(result.Errors, error => Assert.InRange(error.Line, 1, yaml.Split('\n', '\r', '\u0085').Length));
            if (result.IsValid)
            {
                valid++;
                List<string> faults = SchemaCheck.Faults(yaml);
                Assert.True(faults.Count == 0, $"{string.Join("; ", faults)} in\n{yaml}");
            }
        }

        // Both ways are taken often enough for the loop to mean something.
        Assert.InRange(valid, 300, 5_700);
    }

    private static string Mutate(string example, string alphabet, Random random)
    {
        List<char> text = [.. example];
        for (int edits = random.Next(1, 4); edits > 0; edits--)
        {
            int at = random.Next(text.Count);
            switch (random.Next(3))
            {
                case 0:
                    text.RemoveAt(at);
                    break;
                case 1:
                    text.Insert(at, alphabet[random.Next(alphabet.Length)]);
                    break;
                default:
                    text[at] = alphabet[random.Next(alphabet.Length)];
                    break;
            }
        }

        return new string([.. text]);
    }

    private static string AliasBomb()
    {
        IEnumerable<string> levels = Enumerable.Range(1, 20).Select(i => $"l{i}: &l{i} [{string.Join(", ", Enumerable.Repeat($"*l{i - 1}", 10))}]");
        return "l0: &l0 [lol]\n" + string.Join('\n', levels);
    }
}
