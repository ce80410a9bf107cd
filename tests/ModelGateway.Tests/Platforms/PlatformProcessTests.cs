using System.Diagnostics;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>The real process as each platform starts it: arguments and environment alone, and no token.</summary>
public sealed class PlatformProcessTests : IDisposable
{
    private const string Body = """{"instances":[[1]]}""";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("platform-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task SageMaker_Serve_ListensOnItsPortAndAnswersWithoutAToken()
    {
        File.WriteAllBytes(Path.Combine(_folder.FullName, "model.onnx"), TestModels.AddConstant(1));
        await using GatewayProcess gateway = GatewayProcess.Start(
            new Dictionary<string, string?>
            {
                ["ASPNETCORE_URLS"] = null,
                ["ASPNETCORE_HTTP_PORTS"] = "8080",
                ["SAGEMAKER_BIND_TO_PORT"] = "{port}",
                ["Gateway__Repository"] = _folder.FullName,
            },
            ["serve"]);
        await WaitForHealthAsync(gateway, "/ping");

        PlatformCall answer = await PlatformCall.PostAsync(gateway.Client, "/invocations", Body);

        Assert.Equal((200, """{"model":"model","version":"1","outputs":{"y":[[2]]}}"""), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task Vertex_Variables_PortRoutesAndBucketAreTheirs()
    {
        const string Account = "reader@project.iam.gserviceaccount.com";
        var server = new GcsServer();
        await server.InitializeAsync();
        try
        {
            GcsBucket bucket = server.CreateBucket();
            bucket.Readers = new HashSet<string> { Account };
            string key = Path.Combine(_folder.FullName, "key.json");
            File.WriteAllText(key, server.Tokens.CreateServiceAccount(Account));
            await server.UploadAsync(bucket, "artifacts/model.onnx", TestModels.AddConstant(1));
            await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
            {
                ["ASPNETCORE_URLS"] = null,
                ["AIP_MODE"] = "PREDICTION",
                ["AIP_HTTP_PORT"] = "{port}",
                ["AIP_HEALTH_ROUTE"] = "/v1/endpoints/1/deployedModels/2",
                ["AIP_PREDICT_ROUTE"] = "/v1/endpoints/1/deployedModels/2:predict",
                ["AIP_STORAGE_URI"] = $"gs://{bucket.Name}/artifacts",
                ["Gateway__Gcs__Endpoint"] = server.Address.AbsoluteUri,
                ["GOOGLE_APPLICATION_CREDENTIALS"] = key,
            });
            await WaitForHealthAsync(gateway, "/v1/endpoints/1/deployedModels/2");

            PlatformCall answer = await PlatformCall.PostAsync(gateway.Client, "/v1/endpoints/1/deployedModels/2:predict", Body);

            Assert.Equal((200, """{"predictions":[[2]]}"""), (answer.Status, answer.Body));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task AzureMl_ModelDirectory_NameAndVersionAreThoseOfTheRegistry()
    {
        string registered = Path.Combine(_folder.FullName, "iris", "3");
        Directory.CreateDirectory(registered);
        File.WriteAllBytes(Path.Combine(registered, "model.onnx"), TestModels.AddConstant(1));
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?> { ["AZUREML_MODEL_DIR"] = registered });
        await WaitForHealthAsync(gateway, "/");

        PlatformCall answer = await PlatformCall.PostAsync(gateway.Client, "/score", Body);

        Assert.Equal((200, """{"model":"iris","version":"3","outputs":{"y":[[2]]}}"""), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task Start_TwoPlatforms_TellsWhichSettingDecides()
    {
        await using GatewayProcess gateway = GatewayProcess.Start(
            new Dictionary<string, string?> { ["AZUREML_MODEL_DIR"] = _folder.FullName, ["AIP_MODE"] = "PREDICTION", ["Gateway__Repository"] = _folder.FullName, ["Gateway__Auth__Enabled"] = "false" });

        Assert.Equal(1, await gateway.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("Gateway:Platform", gateway.Output, StringComparison.Ordinal);
    }

    private static async Task WaitForHealthAsync(GatewayProcess gateway, string path)
    {
        string last = "nothing";
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromMinutes(1); await Task.Delay(20))
        {
            try
            {
                PlatformCall health = await PlatformCall.GetAsync(gateway.Client, path);
                if (health.Status == 200)
                {
                    return;
                }

                last = health.Body;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
        }

        throw new TimeoutException($"{path} did not answer 200 but {last}. The gateway wrote:{Environment.NewLine}{gateway.Output}");
    }
}
