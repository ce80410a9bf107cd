using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Samples;

/// <summary>Each shipped sample gives the answer its folder says, through the real server, and carries its licence.</summary>
public sealed class SamplesTests(SamplesTests.SamplesGateway fixture) : IClassFixture<SamplesTests.SamplesGateway>
{
    private const double Tolerance = 1e-4;
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models");

    public static TheoryData<string> Models => [.. Directory.EnumerateDirectories(Folder).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Predict_RealExample_GivesTheAnswerBesideIt(string model)
    {
        string example = await File.ReadAllTextAsync(Path.Combine(Folder, model, "example.json"));
        JsonNode expected = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, model, "example.answer.json")))!;
        using var content = new StringContent(example, Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await fixture.Gateway.Client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), content);

        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        AssertSame(expected, JsonNode.Parse(text)!, "$");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Folder_OfEachSample_HasReadmeAndConfiguration(string model)
    {
        string readme = File.ReadAllText(Path.Combine(Folder, model, "README.md"));

        Assert.Contains("icence", readme, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Folder, model, "model.yaml")));
    }

    private static void AssertSame(JsonNode expected, JsonNode got, string path)
    {
        switch (expected)
        {
            case JsonObject members:
                Assert.Equal(members.Select(member => member.Key), got.AsObject().Select(member => member.Key));
                foreach ((string key, JsonNode? member) in members)
                {
                    AssertSame(member!, got[key]!, $"{path}.{key}");
                }

                break;
            case JsonArray items:
                Assert.Equal(items.Count, got.AsArray().Count);
                for (int i = 0; i < items.Count; i++)
                {
                    AssertSame(items[i]!, got[i]!, $"{path}[{i}]");
                }

                break;
            case JsonValue when expected.GetValueKind() == JsonValueKind.Number:
                double wanted = (double)expected;
                Assert.True(Math.Abs((double)got - wanted) <= Tolerance * Math.Max(1, Math.Abs(wanted)), $"{path} is {got} instead of {expected}");
                break;
            default:
                Assert.Equal(expected.ToJsonString(), got.ToJsonString());
                break;
        }
    }

    public sealed class SamplesGateway() : GatewayFixture(Folder);
}
