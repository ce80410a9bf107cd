using System.Text;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Samples;

/// <summary>Each shipped sample gives the answer its folder says, through the real server, and carries its licence.</summary>
public sealed class SamplesTests(SamplesTests.SamplesGateway fixture) : IClassFixture<SamplesTests.SamplesGateway>
{
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models");

    public static TheoryData<string> Models => [.. Directory.EnumerateDirectories(Folder).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Predict_RealExample_GivesTheAnswerBesideIt(string model)
    {
        string example = await File.ReadAllTextAsync(Path.Combine(Folder, model, "example.json"));
        using var content = new StringContent(example, Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await fixture.Gateway.Client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), content);

        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        SampleAnswer.AssertIs(model, text);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Folder_OfEachSample_HasReadmeAndConfiguration(string model)
    {
        string readme = File.ReadAllText(Path.Combine(Folder, model, "README.md"));

        Assert.Contains("icence", readme, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Folder, model, "model.yaml")));
    }

    public sealed class SamplesGateway() : GatewayFixture(Folder);
}
