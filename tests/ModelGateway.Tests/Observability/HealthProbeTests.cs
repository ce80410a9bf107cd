using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using ModelGateway.Observability;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>The command that containers without a shell are checked by.</summary>
public sealed class HealthProbeTests
{
    private static readonly TimeSpan SlowMachine = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("", "http://127.0.0.1:8080/health/live")]
    [InlineData("urls=http://+:9000", "http://127.0.0.1:9000/health/live")]
    [InlineData("urls=http://[::]:9000;https://*:9443", "http://[::1]:9000/health/live")]
    [InlineData("urls=https://0.0.0.0:9443/models", "https://127.0.0.1:9443/models/health/live")]
    [InlineData("urls=http://10.1.2.3:80", "http://10.1.2.3:80/health/live")]
    [InlineData("urls=http://unix:/run/gateway.sock;http://localhost:7000", "http://localhost:7000/health/live")]
    [InlineData("http_ports=8081;8082", "http://127.0.0.1:8081/health/live")]
    [InlineData("https_ports=8443", "https://127.0.0.1:8443/health/live")]
    [InlineData("urls=http://+:9000,http_ports=8081", "http://127.0.0.1:9000/health/live")]
    [InlineData("urls=http://+:9000,Kestrel:Endpoints:Https:Url=https://+:8443", "https://127.0.0.1:8443/health/live")]
    [InlineData("urls=http://unix:/run/gateway.sock", null)]
    [InlineData("urls=nonsense", null)]
    [InlineData("AIP_MODE=PREDICTION,AIP_HTTP_PORT=7080", "http://127.0.0.1:7080/health/live")]
    [InlineData("AIP_PREDICT_ROUTE=/predict,AIP_HTTP_PORT=7080,http_ports=8081", "http://127.0.0.1:7080/health/live")]
    [InlineData("AIP_MODE=PREDICTION,AIP_HTTP_PORT=7080,urls=http://+:9000", "http://127.0.0.1:9000/health/live")]
    [InlineData("AIP_MODE=PREDICTION,AIP_HTTP_PORT=7080,Gateway:Platform=None", "http://127.0.0.1:8080/health/live")]
    [InlineData("AIP_HTTP_PORT=7080", "http://127.0.0.1:8080/health/live")]
    [InlineData("SAGEMAKER_BIND_TO_PORT=7081", "http://127.0.0.1:7081/health/live")]
    [InlineData("SAGEMAKER_BIND_TO_PORT=7081,Gateway:Platform=SageMaker", "http://127.0.0.1:7081/health/live")]
    [InlineData("SAGEMAKER_BIND_TO_PORT=7081,Gateway:Platform=None", "http://127.0.0.1:8080/health/live")]
    [InlineData("AZUREML_MODEL_DIR=/var/azureml-app/azureml-models/iris/1", "http://127.0.0.1:5001/health/live")]
    public void AddressOf_Environment_IsWhereTheGatewayListens(string settings, string? expected)
    {
        IConfiguration environment = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], string? (pair) => pair[1]))
            .Build();

        Assert.Equal(expected is null ? null : new Uri(expected), HealthProbe.AddressOf(environment));
    }

    [Fact]
    public async Task Run_GatewayLives_EndsWithZeroAndOtherwiseSaysWhy()
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        Assert.Equal((0, ""), await RunAsync("healthcheck", ("ASPNETCORE_URLS", host.Address.ToString())));
        Assert.Equal((0, ""), await RunAsync($"healthcheck {host.Address}health/live"));

        (int code, string output) = await RunAsync($"healthcheck {host.Address}no/such/page");
        Assert.Equal(1, code);
        Assert.Contains("answers 404", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("healthcheck", "cannot be reached")] // on the port that it would have got, where nobody listens
    [InlineData("healthcheck ftp://localhost/", "usage: healthcheck [URL]")]
    [InlineData("healthcheck http://localhost/ more", "usage: healthcheck [URL]")]
    public async Task Run_NobodyToAsk_EndsWithOneAndSaysWhy(string command, string reason)
    {
        (int code, string output) = await RunAsync(command);

        Assert.Equal(1, code);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> RunAsync(string command, params (string Name, string? Value)[] environment)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            await using GatewayProcess process = GatewayProcess.Start(environment.ToDictionary(pair => pair.Name, pair => pair.Value), command.Split(' '));
            int code = await process.WaitForExitAsync(SlowMachine);

            // Its three seconds are soon over where everything else runs too.
            if (!process.Output.Contains("does not answer within", StringComparison.Ordinal) || waited.Elapsed > SlowMachine)
            {
                return (code, process.Output.Trim());
            }
        }
    }
}
