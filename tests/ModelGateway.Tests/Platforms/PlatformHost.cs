using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>One host for all tests of a class that only call its model <c>m</c>, <c>y</c> = x + 10.</summary>
public abstract class PlatformHost(params (string, string)[] settings) : IAsyncLifetime
{
    private GatewayHost? _host;

    public HttpClient Client => _host!.Client;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(10)), settings);

    public async Task DisposeAsync() => await _host!.DisposeAsync();
}

public sealed class SageMakerHost() : PlatformHost(("Gateway:Platform", "sagemaker"));

public sealed class VertexHost() : PlatformHost(VertexTests.Variables);
