using Microsoft.Extensions.Configuration;
using ModelGateway.Platforms;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>From command line and environment to settings.</summary>
public sealed class PlatformReaderTests
{
    [Theory]
    [InlineData("serve", "", "SageMaker", "http://+:8080", "/opt/ml/model")]
    [InlineData("serve", "SAGEMAKER_BIND_TO_PORT=9123", "SageMaker", "http://+:9123", "/opt/ml/model")]
    [InlineData("serve", "SAGEMAKER_MULTI_MODEL=true", "SageMaker", "http://+:8080", "/opt/ml/models")]
    [InlineData("", "AIP_MODE=PREDICTION AIP_HTTP_PORT=7080 AIP_STORAGE_URI=gs://bucket/model", "Vertex", "http://+:7080", "gs://bucket/model")]
    [InlineData("", "AIP_PREDICT_ROUTE=/predict", "Vertex", "http://+:8080", null)]
    [InlineData("", "AZUREML_MODEL_DIR=/var/azureml-app/azureml-models/iris/3", "AzureMl", "http://+:5001", "/var/azureml-app/azureml-models/iris/3")]
    [InlineData("", "Gateway:Platform=azureml Gateway:Repository=/models", "AzureMl", "http://+:5001", null)]
    [InlineData("", "", "None", null, null)]
    [InlineData("train", "AIP_MODEL_DIR=gs://bucket/out", "None", null, null)]
    [InlineData("serve", "Gateway:Platform=none", "None", null, null)]
    public void Read_Environment_GivesPlatformPortAndRepository(string args, string environment, string platform, string? urls, string? repository)
    {
        PlatformSettings settings = Read(args, environment);

        Assert.Equal(platform, settings.Platform.ToString());
        Assert.Equal(urls, settings.Defaults.GetValueOrDefault("urls"));
        Assert.Equal(repository, settings.Defaults.GetValueOrDefault("Gateway:Repository"));
        Assert.Equal(urls is null ? null : "false", settings.Defaults.GetValueOrDefault("Gateway:Auth:Enabled"));
        Assert.Empty(settings.Faults);
    }

    [Theory]
    [InlineData("Gateway:Auth:Authority=https://issuer.example.com")]
    [InlineData("Gateway:Auth:Keys:0:PemFile=/keys/public.pem")]
    public void Read_AuthenticationConfigured_StaysOn(string auth) =>
        Assert.DoesNotContain("Gateway:Auth:Enabled", Read("serve", auth).Defaults.Keys);

    [Theory]
    [InlineData("serve", "AZUREML_MODEL_DIR=/models", "SageMaker and of AzureMl")]
    [InlineData("", "AIP_MODE=PREDICTION AIP_HTTP_PORT=http", "AIP_HTTP_PORT is no port")]
    [InlineData("", "AIP_MODE=PREDICTION AIP_PREDICT_ROUTE=/{model}", "AIP_PREDICT_ROUTE is no path")]
    [InlineData("", "AIP_MODE=PREDICTION AIP_HEALTH_ROUTE=health", "AIP_HEALTH_ROUTE is no path")]
    [InlineData("serve", "SAGEMAKER_BIND_TO_PORT=70000", "SAGEMAKER_BIND_TO_PORT is no port")]
    public void Read_FaultyEnvironment_NamesTheVariable(string args, string environment, string fault) =>
        Assert.Contains(fault, Assert.Single(Read(args, environment).Faults), StringComparison.Ordinal);

    private static PlatformSettings Read(string args, string environment)
    {
        Dictionary<string, string?> values = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], string? (pair) => pair[1]);
        return PlatformReader.Read(args.Split(' ', StringSplitOptions.RemoveEmptyEntries), new ConfigurationBuilder().AddInMemoryCollection(values).Build());
    }
}
