using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Models.Configuration;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed partial class ModelConfigSchemaTests
{
    private const string SchemaPath = "docs/model-config.schema.json";
    private const string PagePath = "docs/model-config.md";

    [Fact]
    public void Generate_CommittedFile_IsTheSame() => CheckedInFile.AssertIs(SchemaPath, ModelConfigSchema.Generate());

    [Fact]
    public void Below_TableOfThePage_IsTheSame() => CheckedInFile.AssertHolds(PagePath, "keys", Table());

    [Fact]
    public void Generate_EveryProperty_HasADescription()
    {
        var schema = JsonNode.Parse(ModelConfigSchema.Generate())!;
        List<JsonNode> properties = [.. Properties(schema)];
        Assert.True(properties.Count >= 18);
        Assert.All(properties, property => Assert.NotEmpty((string)property["description"]!));
    }

    [Fact]
    public void Read_ExamplesOfThePage_AreValid()
    {
        string[] examples = [.. Examples().Where(block => block.Language == "yaml").Select(block => block.Text)];
        Assert.Equal(3, examples.Length);
        Assert.All(examples, example =>
        {
            Assert.Null(ModelConfigReader.Read(example).Reason);
            Assert.Empty(SchemaCheck.Faults(example));
        });
    }

    [Fact]
    public void Read_FullExampleOfThePage_SetsEveryKey()
    {
        ModelConfig config = ModelConfigReader.Read(Examples().First(block => block.Language == "yaml").Text).Config!;
        JsonNode written = ModelConfigKeys.File.Write(config);
        IEnumerable<string> top = ModelConfigKeys.File.Below.Select(row => row.Path[1..]).Where(path => !path.Contains('.', StringComparison.Ordinal));
        Assert.Equal(top.Where(path => !path.Contains('[', StringComparison.Ordinal)), written.AsObject().Select(pair => pair.Key));
    }

    [Fact]
    public void Read_FaultyExampleOfThePage_GivesTheErrorsShown()
    {
        string faulty = Assert.Single(Examples(), block => block.Language == "yaml faulty").Text;
        string shown = Assert.Single(Examples(), block => block.Language == "text").Text;
        Assert.Equal(shown.TrimEnd(), string.Join('\n', ModelConfigReader.Read(faulty).Errors));
    }

    [Fact]
    public void Read_FilesOfTheSamples_AreValid()
    {
        string[] files = Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "docs/samples"), "model.yaml", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.All(files, file =>
        {
            string yaml = File.ReadAllText(file);
            Assert.Null(ModelConfigReader.Read(yaml).Reason);
            Assert.Empty(SchemaCheck.Faults(yaml));
        });
    }

    private static IEnumerable<(string Language, string Text)> Examples() =>
        Fence().Matches(CheckedInFile.Read(PagePath)).Select(match => (match.Groups[1].Value, match.Groups[2].Value));

    private static IEnumerable<JsonNode> Properties(JsonNode? node) => node switch
    {
        JsonObject map => (map["properties"] as JsonObject ?? []).Select(pair => pair.Value!).Concat(map.SelectMany(pair => Properties(pair.Value))),
        JsonArray list => list.SelectMany(Properties),
        _ => [],
    };

    private static string Table()
    {
        var table = new StringBuilder("| Key | Value | Without it | Meaning |\n| --- | --- | --- | --- |\n");
        foreach (ConfigRow row in ModelConfigKeys.File.Below)
        {
            table.Append($"| `{row.Path[1..]}` | {Cell(row.Key.Type.Text)} | {WithoutIt(row)} | {Cell(row.Key.Description)} |\n");
        }

        return table.ToString();
    }

    private static string WithoutIt(ConfigRow row) =>
        row.Key.Required ? "an error"
        : row.Default is not null ? $"`{row.Default.ToJsonString().Replace("\"", "", StringComparison.Ordinal).Replace(":", ": ", StringComparison.Ordinal)}`"
        : row.Key.WhenUnset ?? "as below";

    private static string Cell(string text) => text.Replace("|", @"\|", StringComparison.Ordinal);

    [GeneratedRegex("^```([a-z ]*)\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fence();
}
