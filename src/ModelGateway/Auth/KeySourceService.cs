namespace ModelGateway.Auth;

/// <summary>Runs the key source beside the host.</summary>
internal sealed class KeySourceService(KeySource source) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => source.RunAsync(stoppingToken);
}
