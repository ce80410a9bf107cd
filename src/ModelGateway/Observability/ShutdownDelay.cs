using Microsoft.Extensions.Options;

namespace ModelGateway.Observability;

/// <summary>
/// The order of stopping: not ready at once, a pause for load balancers, no new connections, requests in flight end, sessions go.
/// The host does all of it but the pause; this is the pause.
/// </summary>
internal sealed class ShutdownDelay(IOptions<GatewayOptions> options, TimeProvider time) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Called before any service stops, so the listener still answers meanwhile.
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.Delay(options.Value.Shutdown.Delay, time, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
