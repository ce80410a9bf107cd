using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using ModelGateway.OpenApi;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Auth;

/// <summary>Says at start what a developer needs to make the first call, and what an operator must not overlook.</summary>
internal sealed partial class AuthAnnouncement(
    KeySource keys, IOptions<GatewayOptions> options, IServer server, ServableManager manager, IHostApplicationLifetime lifetime, ILogger<AuthAnnouncement> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Auth.Enabled)
        {
            Log.Disabled(logger);
        }
        else if (keys is DevelopmentKeySource development)
        {
            try
            {
                await AnnounceAsync(development, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                // The host stops before its models are loaded.
            }
        }
    }

    private async Task AnnounceAsync(DevelopmentKeySource development, CancellationToken stopping)
    {
        // The address is known once the server listens, and the example once the models are loaded.
        var listening = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = lifetime.ApplicationStarted.Register(listening.SetResult);
        await listening.Task.WaitAsync(stopping);
        string token = development.CreateToken(DateTimeOffset.UtcNow);
        Log.Token(logger, token);
        await manager.WaitForStartAsync(stopping);
        if (FirstCall(token) is { } call)
        {
            Log.Call(logger, call);
        }
    }

    // The model with the shortest example: it is there to be pasted into a terminal.
    private string? FirstCall(string token)
    {
        const int MostElements = 1000;
        string? address = LocalAddress();
        (string Model, string? Body) shortest = manager.Snapshot().Models.Values
            .OrderBy(model => model.Name, StringComparer.Ordinal)
            .Select(model => (model.Name, Body: model.Default?.Servable is { } servable ? ExampleBody.TryWrite(servable, MostElements) : null))
            .Where(example => example.Body is not null)
            .OrderBy(example => example.Body!.Length)
            .FirstOrDefault();
        return address is null || shortest.Body is null
            ? null
            : $"curl {address}/predict/{shortest.Model} -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' -d '{shortest.Body.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    // A wildcard is an address to listen on and none to call.
    private string? LocalAddress()
    {
        ICollection<string> addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        string? address = addresses.FirstOrDefault(candidate => candidate.StartsWith("http://", StringComparison.Ordinal)) ?? addresses.FirstOrDefault();
        return address?.Replace("://[::]:", "://localhost:", StringComparison.Ordinal)
            .Replace("://0.0.0.0:", "://localhost:", StringComparison.Ordinal)
            .Replace("://+:", "://localhost:", StringComparison.Ordinal)
            .Replace("://*:", "://localhost:", StringComparison.Ordinal);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.AuthDisabled, Level = LogLevel.Warning, Message = "Authentication is switched off (Gateway:Auth:Enabled=false): everybody who reaches this server may predict with every model and manage it")]
        public static partial void Disabled(ILogger logger);

        [LoggerMessage(EventId = EventIds.DevelopmentToken, Level = LogLevel.Information, Message = "A token for development, with all scopes, for 12 hours or until the next start:\n{Token}")]
        public static partial void Token(ILogger logger, string token);

        [LoggerMessage(EventId = EventIds.DevelopmentCall, Level = LogLevel.Information, Message = "A first call to paste:\n{Call}")]
        public static partial void Call(ILogger logger, string call);
    }
}
