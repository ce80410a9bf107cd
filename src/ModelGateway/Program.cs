using Microsoft.Extensions.Options;
using ModelGateway;

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
