using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Tests;

/// <summary>The real host on Kestrel, in this process, on a port of its own, over a model repository of its own.</summary>
public sealed class GatewayHost : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly WebApplication _app;
    private readonly DirectoryInfo _artifacts;

    private GatewayHost(WebApplication app, RepositoryFolder repository, DirectoryInfo artifacts)
    {
        _app = app;
        _artifacts = artifacts;
        Repository = repository;
        Addresses = [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(address => new Uri(address))];
        Address = Addresses[0];
        Client = new HttpClient { BaseAddress = Address };
    }

    /// <summary>The first of its addresses.</summary>
    public Uri Address { get; }

    public IReadOnlyList<Uri> Addresses { get; }

    public HttpClient Client { get; }

    public RepositoryFolder Repository { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Starts a host without authentication and waits until the models that are there have been loaded.</summary>
    /// <param name="fill">Adds the first models.</param>
    /// <param name="settings">Keys and values of the configuration, stronger than those set here.</param>
    public static async Task<GatewayHost> StartAsync(Action<RepositoryFolder>? fill = null, params (string Key, string Value)[] settings)
    {
        GatewayHost host = await StartUnreadyAsync(fill, settings);
        await host.WaitUntilAsync(manager => manager.IsInitialized);
        return host;
    }

    /// <summary>As above, but does not wait for the models, which may never be ready.</summary>
    public static async Task<GatewayHost> StartUnreadyAsync(Action<RepositoryFolder>? fill = null, params (string Key, string Value)[] settings)
    {
        var repository = new RepositoryFolder();
        fill?.Invoke(repository);
        DirectoryInfo artifacts = Directory.CreateTempSubdirectory("artifacts-");
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["environment"] = "Production",
            ["urls"] = "http://127.0.0.1:0",
            ["Gateway:Repository"] = repository.Root,
            ["Gateway:ArtifactFolder"] = artifacts.FullName,
            ["Gateway:Auth:Enabled"] = "false",
            ["Gateway:Audit:Enabled"] = "false",
            ["Gateway:Logging:Level"] = "Fatal",
            ["Gateway:PollInterval"] = "00:00:00.050",
            ["Gateway:SettleTime"] = "00:00:00",
        };
        foreach ((string key, string value) in settings)
        {
            values[key] = value;
        }

        WebApplication app = GatewayApp.Build([.. values.Select(pair => $"--{pair.Key}={pair.Value}")]);
        await app.StartAsync();
        return new GatewayHost(app, repository, artifacts);
    }

    /// <summary>Waits for a state of the models; they change on threads of their own.</summary>
    public async Task WaitUntilAsync(Func<ServableManager, bool> condition)
    {
        ServableManager manager = Services.GetRequiredService<ServableManager>();
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            Task changed = manager.NextChange();
            if (condition(manager))
            {
                return;
            }

            await changed.WaitAsync(patience.Token);
        }
    }

    /// <summary>Waits until a version is Ready.</summary>
    public Task WaitUntilReadyAsync(string model, long version) =>
        WaitUntilAsync(manager => manager.Find(model)?.Find(version)?.Servable is not null);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Repository.Dispose();
        _artifacts.Delete(recursive: true);
    }
}
