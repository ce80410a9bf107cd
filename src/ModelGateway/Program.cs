using Microsoft.Extensions.Options;
using ModelGateway;
using ModelGateway.Observability;
using ModelGateway.Serving.Runtime.Onnx;

NativeHeap.BeginStart();
if (args is [HealthProbe.Command, .. string[] rest])
{
    return await HealthProbe.RunAsync(rest, HealthProbe.ReadEnvironment(), Console.Error);
}

try
{
    await GatewayApp.Build(args).RunAsync();
    return 0;
}
catch (OptionsValidationException exception)
{
    await Console.Error.WriteLineAsync(StartupFaults.Describe(exception));
    return 1;
}
