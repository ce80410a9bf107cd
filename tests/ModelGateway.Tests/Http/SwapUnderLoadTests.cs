using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>New versions, and the same version anew, while clients never stop asking: nobody notices but by the version in the answer.</summary>
public sealed class SwapUnderLoadTests
{
    private const int Swaps = 100;
    private const int Replacements = 30;
    private const int Clients = 8;

    // A replacement of a version adds a number that no version has.
    private const int ReplacementStep = 1000;
    private const string Body = """{"inputs":{"x":[[1]]}}""";

    [Fact]
    public async Task Predict_WhileVersionsAreSwappedAndReplaced_NeverFailsNorMixesThem()
    {
        DirectoryInfo artifacts = Directory.CreateTempSubdirectory("modelgateway-artifacts-");
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            repository => repository.AddVersionWithManifest("m", 1, TestModels.AddConstant(1)), ("ArtifactFolder", artifacts.FullName));
        var wrong = new ConcurrentQueue<string>();
        using var stop = new CancellationTokenSource();
        Task<int>[] clients = [.. Enumerable.Range(0, Clients).Select(_ => KeepAskingAsync(gateway, wrong, stop.Token))];

        for (int version = 2; version <= Swaps + 1; version++)
        {
            gateway.Repository.AddVersionWithManifest("m", version, TestModels.AddConstant(version));
            await WaitForAnswerAsync(gateway, version, version);
            gateway.Repository.RemoveVersion("m", version - 1);
        }

        const int Last = Swaps + 1;
        for (int i = 1; i <= Replacements; i++)
        {
            int constant = Last + (i * ReplacementStep);
            gateway.Repository.AddVersionWithManifest("m", Last, TestModels.AddConstant(constant));
            await WaitForAnswerAsync(gateway, Last, constant);
        }

        await stop.CancelAsync();
        int[] answers = await Task.WhenAll(clients);
        Assert.Empty(wrong);
        Assert.All(answers, count => Assert.True(count > 0));
        await CheckNothingIsLeftAsync(gateway, Last, artifacts);
        gateway.Process.Terminate();
        await gateway.Process.WaitForExitAsync(HttpGateway.Patience);
        Assert.Equal(["blobs", "graphs", "listings", "partial", "refs"], artifacts.EnumerateFileSystemInfos().Select(entry => entry.Name).Order(StringComparer.Ordinal));
        Assert.Empty(artifacts.EnumerateFileSystemInfos("partial/*"));
        artifacts.Delete(recursive: true);
    }

    private static async Task CheckNothingIsLeftAsync(HttpGateway gateway, int last, DirectoryInfo artifacts)
    {
        string page = "";
        await gateway.WaitUntilAsync(
            async () =>
            {
                page = await gateway.MetricsAsync();
                return page.Split('\n').Count(line => line.StartsWith("modelgateway_instances{", StringComparison.Ordinal)) == 1
                    && artifacts.EnumerateFiles("model.onnx", SearchOption.AllDirectories).Count() == 1;
            },
            () => "More than one servable stayed");
        Assert.All(
            page.Split('\n').Where(line => line.Contains("model=\"m\"", StringComparison.Ordinal)),
            line => Assert.Contains($"version=\"{last}\"", line, StringComparison.Ordinal));
        Assert.Equal(1, HttpGateway.Value(page, """model_versions{state="ready"}"""));
        Assert.All(
            page.Split('\n').Where(line => line.StartsWith("modelgateway_model_versions{", StringComparison.Ordinal) && !line.Contains("ready", StringComparison.Ordinal)),
            line => Assert.EndsWith(" 0", line, StringComparison.Ordinal));
        Assert.All(
            page.Split('\n').Where(line => line.StartsWith("modelgateway_requests_total{", StringComparison.Ordinal)),
            line => Assert.Contains("outcome=\"success\"", line, StringComparison.Ordinal));
        Assert.Equal(0, HttpGateway.Value(page, $"requests_in_flight{{model=\"m\",version=\"{last}\"}}"));
    }

    private static async Task<int> KeepAskingAsync(HttpGateway gateway, ConcurrentQueue<string> wrong, CancellationToken stop)
    {
        int answers = 0;
        while (!stop.IsCancellationRequested && wrong.IsEmpty)
        {
            try
            {
                (HttpStatusCode status, string body) = await AskAsync(gateway);
                answers++;
                if (status != HttpStatusCode.OK)
                {
                    wrong.Enqueue($"{(int)status} {body}");
                }
                else if (Read(body) is var (version, constant) && constant % ReplacementStep != version)
                {
                    wrong.Enqueue(body);
                }
            }
            catch (HttpRequestException exception)
            {
                wrong.Enqueue(exception.Message);
            }
        }

        return answers;
    }

    private static Task WaitForAnswerAsync(HttpGateway gateway, int version, int constant) => gateway.WaitUntilAsync(
        async () => Read((await AskAsync(gateway)).Body) == (version, constant),
        () => $"version {version} did not answer with {constant}");

    private static async Task<(HttpStatusCode Status, string Body)> AskAsync(HttpGateway gateway)
    {
        using HttpResponseMessage response = await gateway.PostAsync("/predict/m", Body);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    // The model adds its constant to the one that is sent.
    private static (int Version, int Constant) Read(string body)
    {
        using JsonDocument answer = JsonDocument.Parse(body);
        return answer.RootElement.TryGetProperty("outputs", out JsonElement outputs)
            ? (int.Parse(answer.RootElement.GetProperty("version").GetString()!, CultureInfo.InvariantCulture), (int)outputs.GetProperty("y")[0][0].GetDouble() - 1)
            : default;
    }
}
