using System.Diagnostics;
using System.Text;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Deploy.Tests.Clouds;

/// <summary>The real gateway in the environment that a platform gives it, with the sample model iris where the platform puts models.</summary>
internal sealed class PlatformRun : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("platform-");
    private GatewayProcess? _gateway;

    /// <summary>Where models lie.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Variables of the process.</summary>
    public Dictionary<string, string?> Environment { get; } = new() { ["ASPNETCORE_URLS"] = null };

    /// <summary>Copies the version folder of the sample to a folder below <see cref="Folder"/>, and returns that.</summary>
    public string PlaceIris(string folder)
    {
        string target = Directory.CreateDirectory(Path.Combine(Folder, folder)).FullName;
        File.Copy(Path.Combine(RepositoryRoot.Path, "docs", "samples", "models", "iris", "1", "model.onnx"), Path.Combine(target, "model.onnx"));
        return target;
    }

    /// <summary>Starts it and waits until its health path answers 200.</summary>
    public async Task StartAsync(string healthPath)
    {
        _gateway = GatewayProcess.Start(Environment);
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromMinutes(1); await Task.Delay(20))
        {
            try
            {
                if (await GetAsync(healthPath) == 200)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
        }

        throw new TimeoutException($"{healthPath} did not answer 200. The gateway wrote:\n{_gateway.Output}");
    }

    public async Task<int> GetAsync(string path)
    {
        using HttpResponseMessage response = await _gateway!.Client.GetAsync(new Uri(path, UriKind.Relative));
        return (int)response.StatusCode;
    }

    public async Task<(int Status, string Body)> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _gateway!.Client.PostAsync(new Uri(path, UriKind.Relative), content);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public void Dispose()
    {
        _gateway?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _folder.Delete(recursive: true);
    }
}
