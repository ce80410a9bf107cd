using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Models on demand as clients see them: as if they were loaded, but for the time of the first answer.</summary>
public sealed class ModelMemoryTests
{
    private const string Body = """{"inputs":{"x":[[1]]}}""";

    [Fact]
    public async Task OnDemand_FreshStart_IsReadyAndEveryDialectIsAnswered()
    {
        await using GatewayHost host = await StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await GetAsync(host, "/health/ready")).Status);
        Assert.Equal((HttpStatusCode.OK, true), ReadyOf(await GetAsync(host, "/v2/models/a/ready")));
        Assert.All(ManagerOf(host).Snapshot().Versions, version => Assert.Equal(ServableState.Dormant, version.State));

        (HttpStatusCode status, JsonElement answer) = await PostAsync(host, "/predict/a", Body);
        Assert.Equal((HttpStatusCode.OK, 2f), (status, answer.GetProperty("outputs").GetProperty("y")[0][0].GetSingle()));
        (status, answer) = await PostAsync(host, "/v2/models/b/infer", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""");
        Assert.Equal((HttpStatusCode.OK, 3f), (status, answer.GetProperty("outputs")[0].GetProperty("data")[0].GetSingle()));
        (status, answer) = await GetAsync(host, "/v2/models/c");
        Assert.Equal((HttpStatusCode.OK, "x"), (status, answer.GetProperty("inputs")[0].GetProperty("name").GetString()));
    }

    [Fact]
    public async Task OnDemand_Index_SaysWhatIsNotInMemory()
    {
        await using GatewayHost host = await StartAsync();
        await PostAsync(host, "/predict/a", Body);

        (_, JsonElement index) = await PostAsync(host, "/v2/repository/index", """{"ready":true}""");

        Assert.Equal(
            ["a READY ", "b READY It is not in memory, and is loaded when a request asks for it.", "c READY It is not in memory, and is loaded when a request asks for it."],
            index.EnumerateArray().Select(entry => $"{entry.GetProperty("name").GetString()} {entry.GetProperty("state").GetString()} {entry.GetProperty("reason").GetString()}"));
        (HttpStatusCode status, _) = await GetAsync(host, "/v2/models/b/versions/1/stats");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal(ServableState.Dormant, ManagerOf(host).Find("b")!.Find(1)!.State);
    }

    [Fact]
    public async Task OnDemand_Document_HasAnOperationForWhatIsNotInMemory()
    {
        await using GatewayHost host = await StartAsync(("Gateway:Swagger:Enabled", "true"), ("Gateway:Swagger:RequireToken", "false"));
        await PostAsync(host, "/predict/a", Body);

        (_, JsonElement document) = await GetAsync(host, "/swagger/v1/swagger.json");
        JsonElement loaded = document.GetProperty("paths").GetProperty("/predict/a").GetProperty("post");
        JsonElement dormant = document.GetProperty("paths").GetProperty("/predict/b").GetProperty("post");

        Assert.DoesNotContain("not in memory", loaded.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("The model is not in memory and is loaded for the first request", dormant.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(host, "/predict/b", Body)).Status);
    }

    [Fact]
    public async Task Budget_RoomForOne_EachIsAnsweredInTurn()
    {
        await using GatewayHost host = await StartAsync(("Gateway:Memory:BudgetBytes", $"{5 << 20}"));
        for (int round = 0; round < 3; round++)
        {
            foreach ((string model, float expected) in new[] { ("a", 2f), ("b", 3f), ("c", 4f) })
            {
                (HttpStatusCode status, JsonElement answer) = await PostAsync(host, $"/predict/{model}", Body);
                Assert.Equal((HttpStatusCode.OK, expected), (status, answer.GetProperty("outputs").GetProperty("y")[0][0].GetSingle()));
            }
        }

        using HttpResponseMessage page = await host.Client.GetAsync(new Uri("/metrics", UriKind.Relative));
        string metrics = await page.Content.ReadAsStringAsync();
        Assert.Contains($"modelgateway_models_memory_budget_bytes {5 << 20}", metrics, StringComparison.Ordinal);
        Assert.Contains("modelgateway_model_wakes_total", metrics, StringComparison.Ordinal);
    }

    private static Task<GatewayHost> StartAsync(params (string Key, string Value)[] settings) =>
        GatewayHost.StartAsync(Fill, [("Gateway:Memory:LoadOnDemand", "true"), .. settings]);

    private static ServableManager ManagerOf(GatewayHost host) => host.Services.GetRequiredService<ServableManager>();

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("a", 1, TestModels.AddConstant(1));
        repository.AddVersion("b", 1, TestModels.AddConstant(2));
        repository.AddVersion("c", 1, TestModels.AddConstant(3));
    }

    private static (HttpStatusCode Status, bool Ready) ReadyOf((HttpStatusCode Status, JsonElement Answer) answer) => (answer.Status, answer.Answer.GetProperty("ready").GetBoolean());

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> GetAsync(GatewayHost host, string path)
    {
        using HttpResponseMessage response = await host.Client.GetAsync(new Uri(path, UriKind.Relative));
        return (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(GatewayHost host, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await host.Client.PostAsync(new Uri(path, UriKind.Relative), content);
        return (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }
}
