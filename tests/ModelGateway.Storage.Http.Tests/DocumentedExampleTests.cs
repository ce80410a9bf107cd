using System.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

/// <summary>The example of docs/storage/http.md, taken from the page.</summary>
public class DocumentedExampleTests
{
    private const string Heading = "## Example";
    private readonly DocumentedPage _page = new("storage/http.md");

    [Fact]
    public async Task Example_OfThePage_Works()
    {
        string directives = _page.Block(Heading, "nginx")
            .Replace("/srv/models", "{base}/www", StringComparison.Ordinal)
            .Replace("/etc/nginx/models.users", "{base}/users", StringComparison.Ordinal);
        await using NginxServer nginx = await NginxServer.StartAsync(directives, ("users", "gateway:{PLAIN}password\n"));
        string version = Directory.CreateDirectory(Path.Combine(nginx.Root, "ünï", "1")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(version, "model.onnx"), [1, 2, 3]);
        await File.WriteAllBytesAsync(Path.Combine(version, ".hidden"), [1]);
        await RunAsync(_page.Block(Heading, "python"), nginx.Root);
        await RunAsync(_page.Block(Heading, "python"), nginx.Root);

        var harness = new StoreHarness(("Username", "gateway"), ("Password", "password"));
        IObjectStore store = harness.Open(new HttpObjectStoreProvider(), $"{nginx.Address}models/index.json");
        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        using var destination = new MemoryStream();
        await store.CopyToAsync(listed, destination, CancellationToken.None);

        Assert.Equal("ünï/1/model.onnx", listed.Key);
        Assert.Equal([1, 2, 3], destination.ToArray());
    }

    private static async Task RunAsync(string script, string argument)
    {
        using Process python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", script, argument]) { RedirectStandardError = true })!;
        string error = await python.StandardError.ReadToEndAsync();
        await python.WaitForExitAsync();
        Assert.True(python.ExitCode == 0, error);
    }
}
