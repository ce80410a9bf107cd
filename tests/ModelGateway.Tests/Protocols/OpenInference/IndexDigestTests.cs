using System.Net;
using System.Text.Json;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The digests of the repository index: of every version that they can be told of, and the same before, during and after its time in memory.</summary>
public sealed class IndexDigestTests
{
    private static readonly (string Name, byte[] Content)[] More = [("labels.txt", "one\n"u8.ToArray()), ("golden/one.json", "{}"u8.ToArray())];

    [Fact]
    public async Task Index_ManifestAndNotSelected_IsTheDigestOnceLoaded()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(static repository =>
        {
            for (int version = 1; version <= 3; version++)
            {
                repository.AddVersionWithManifest("add", version, TestModels.AddConstant(version), More);
            }

            // A signature that nobody checks here is fetched all the same.
            repository.WriteFile("add", 2, "manifest.json.sig", [1, 2, 3]);
        });
        await host.WaitUntilReadyAsync("add", 3);
        List<string?> before = await EachAsync(DigestAsync, host);

        host.Repository.AddConfig("add", "version_policy: all");
        await host.WaitUntilReadyAsync("add", 1);
        await host.WaitUntilReadyAsync("add", 2);

        Assert.All(before, digest => Assert.Matches("^[0-9a-f]{64}$", digest));
        Assert.Equal(3, before.Distinct().Count());
        Assert.Equal(before, await EachAsync(DigestAsync, host));
        Assert.Equal(before, await EachAsync(LoadedDigestAsync!, host));
    }

    [Fact]
    public async Task Index_NoManifest_IsToldOnceItWasFetchedAndKept()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(static repository =>
        {
            repository.AddVersion("add", 1, TestModels.AddConstant(1), More);
            repository.AddVersion("add", 2, TestModels.AddConstant(2));
        });
        await host.WaitUntilReadyAsync("add", 2);
        string? before = await DigestAsync(host, "add", 1);

        host.Repository.AddConfig("add", "version_policy: all");
        await host.WaitUntilReadyAsync("add", 1);
        string loaded = await LoadedDigestAsync(host, "add", 1);
        host.Repository.AddConfig("add", "version_policy: {specific: [2]}");
        await host.WaitUntilAsync(static manager => manager.Find("add")!.Find(1)!.State == ServableState.Unloaded);

        Assert.Null(before);
        Assert.Equal(loaded, await DigestAsync(host, "add", 1));
    }

    [Fact]
    public async Task Index_NoManifestAndFetchedByAProcessBefore_IsTheSame()
    {
        using var repository = new RepositoryFolder();
        DirectoryInfo artifacts = Directory.CreateTempSubdirectory("artifacts-");
        try
        {
            repository.AddVersion("add", 1, TestModels.AddConstant(1), More);
            (string, string)[] settings = [("Gateway:Repository", repository.Root), ("Gateway:ArtifactFolder", artifacts.FullName)];
            string loaded;
            await using (GatewayHost first = await GatewayHost.StartAsync(settings: settings))
            {
                await first.WaitUntilReadyAsync("add", 1);
                loaded = await LoadedDigestAsync(first, "add", 1);
            }

            repository.AddVersion("add", 2, TestModels.AddConstant(2));
            await using GatewayHost second = await GatewayHost.StartAsync(settings: settings);
            await second.WaitUntilReadyAsync("add", 2);

            Assert.Equal("The version policy does not select it.", (await EntryAsync(second, "add", 1)).GetProperty("reason").GetString());
            Assert.Equal(loaded, await DigestAsync(second, "add", 1));
        }
        finally
        {
            artifacts.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Index_FailedVersions_AreTheDigestsOfTheirFiles()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(static repository =>
        {
            repository.AddVersion("broken", 1, TestModels.Broken());
            repository.AddVersionWithManifest("broken_with_manifest", 1, TestModels.Broken());
            repository.AddVersionWithManifest("changed", 1, TestModels.AddConstant(1));
            repository.WriteFile("changed", 1, "model.onnx", TestModels.AddConstant(2));
        });
        Assert.Equal(ServableState.Failed, State(host, "broken"));
        Assert.Equal(ServableState.Failed, State(host, "broken_with_manifest"));
        Assert.Equal(ServableState.Failed, State(host, "changed"));

        // Only now: with the same content in the artifact cache, what the manifest names would be there after all.
        host.Repository.AddVersion("original", 1, TestModels.AddConstant(1));
        await host.WaitUntilReadyAsync("original", 1);
        Assert.Matches("^[0-9a-f]{64}$", await DigestAsync(host, "broken", 1));
        Assert.Equal(await DigestAsync(host, "broken", 1), await DigestAsync(host, "broken_with_manifest", 1));

        // What its manifest names is not there; what it names is the digest all the same.
        Assert.Equal(await LoadedDigestAsync(host, "original", 1), await DigestAsync(host, "changed", 1));
    }

    [Fact]
    public async Task Index_UnloadedVersion_KeepsItsDigestUntilItsFilesChange()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(static repository => repository.AddVersion("add", 1, TestModels.AddConstant(1)));
        await host.WaitUntilReadyAsync("add", 1);
        string loaded = await LoadedDigestAsync(host, "add", 1);

        using HttpResponseMessage unloaded = await host.Client.PostAsync(new Uri("/v2/repository/models/add/unload", UriKind.Relative), null);
        JsonElement entry = await EntryAsync(host, "add", 1);
        host.Repository.AddVersion("add", 1, TestModels.AddConstant(1), More);

        // While its files are put in place a look at the folder may not see it.
        await UntilAsync(async () => await FindEntryAsync(host, "add", 1) is { } changed && !changed.TryGetProperty("digest", out _));

        Assert.Equal(HttpStatusCode.OK, unloaded.StatusCode);
        Assert.Equal("It was unloaded by request.", entry.GetProperty("reason").GetString());
        Assert.Equal(loaded, entry.GetProperty("digest").GetString());
    }

    [Fact]
    public async Task Index_ManifestWaitsForAFile_IsTheDigestOnceLoaded()
    {
        byte[] onnx = TestModels.AddConstant(1);
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
            repository.WriteFile("add", 1, "manifest.json", RepositoryFolder.Manifest([("model.onnx", onnx), .. More])));
        string? waiting = await DigestAsync(host, "add", 1);

        foreach ((string name, byte[] content) in More.Append(("model.onnx", onnx)))
        {
            host.Repository.WriteFile("add", 1, name, content);
        }

        await host.WaitUntilReadyAsync("add", 1);

        Assert.NotNull(waiting);
        Assert.Equal(waiting, await LoadedDigestAsync(host, "add", 1));
    }

    private static ServableState State(GatewayHost host, string model) =>
        ((ServableManager)host.Services.GetService(typeof(ServableManager))!).Find(model)!.Find(1)!.State;

    // Of the three versions of the model.
    private static async Task<List<string?>> EachAsync(Func<GatewayHost, string, int, Task<string?>> ask, GatewayHost host) =>
        [await ask(host, "add", 1), await ask(host, "add", 2), await ask(host, "add", 3)];

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    private static async Task<JsonElement> EntryAsync(GatewayHost host, string model, int version)
    {
        JsonElement? entry = await FindEntryAsync(host, model, version);
        Assert.NotNull(entry);
        return entry.Value;
    }

    private static async Task<JsonElement?> FindEntryAsync(GatewayHost host, string model, int version)
    {
        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/v2/repository/index", UriKind.Relative), null);
        using JsonDocument index = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        JsonElement[] found =
            [.. index.RootElement.EnumerateArray().Where(entry => entry.GetProperty("name").GetString() == model && entry.GetProperty("version").GetString() == $"{version}")];
        return found.Length == 0 ? null : Assert.Single(found).Clone();
    }

    private static async Task<string?> DigestAsync(GatewayHost host, string model, int version) =>
        (await EntryAsync(host, model, version)).TryGetProperty("digest", out JsonElement digest) ? digest.GetString() : null;

    // What the servable itself says.
    private static async Task<string> LoadedDigestAsync(GatewayHost host, string model, int version)
    {
        string metadata = await host.Client.GetStringAsync(new Uri($"/v2/models/{model}/versions/{version}", UriKind.Relative));
        using JsonDocument answer = JsonDocument.Parse(metadata);
        return answer.RootElement.GetProperty("parameters").GetProperty("digest").GetString()!;
    }
}
