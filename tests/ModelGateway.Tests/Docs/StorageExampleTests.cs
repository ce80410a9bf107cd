using System.Security.Cryptography.X509Certificates;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Gcs;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>
/// The examples of the pages in docs/storage, taken from there: what a reader copies answers as the sample says it must, from a real store.
/// Commands of programs that are not here (aws, gcloud, az, mlflow) are read; their files then go where they say by other means.
/// </summary>
public sealed class StorageExampleTests : IAsyncLifetime
{
    private const string Heading = "## Example";
    private const string Sample = "docs/samples/models/iris";
    private const string Secret = "not-a-real-secret";
    private readonly DocumentedExample _example = new();
    private readonly List<IAsyncLifetime> _servers = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _example.DisposeAsync();
        foreach (IAsyncLifetime server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task S3_Example_Answers()
    {
        var page = new DocumentedPage("storage/s3.md");
        await _example.RunAsync(page.Block(Heading, "sh"));
        string[] copy = Assert.Single(_example.Calls);
        Assert.Equal(["aws", "s3", "cp", "--recursive"], copy[..4]);
        await using S3Server server = await StartS3Async(copy[4], new Uri(copy[5]));
        await using FaultProxy proxy = await FaultProxy.StartAsync(server.Endpoint);

        await _example.StartAsync(("Gateway__S3__Endpoint", proxy.Address.AbsoluteUri), ("AWS_ACCESS_KEY_ID", "someone"), ("AWS_SECRET_ACCESS_KEY", Secret));

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
        Assert.All(proxy.Requests, request => Assert.Matches("Credential=someone/[0-9]+/eu-central-1/s3/", request.Authorization));
    }

    [Fact]
    public async Task S3_SettingsForMinIO_Answer()
    {
        var page = new DocumentedPage("storage/s3.md");
        await _example.RunAsync(page.Block("## MinIO", "sh"));
        await using S3Server server = await StartS3Async(Sample, new Uri($"{_example.Settings["Gateway__Repository"]}/iris"));
        await using FaultProxy proxy = await FaultProxy.StartAsync(server.Endpoint);
        _example.Replace("https://minio.example.com:9000", proxy.Address.AbsoluteUri);
        _example.Replace("/run/secrets/minio", await WriteAsync("minio", Secret));

        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
        Assert.All(proxy.Requests, request => Assert.Contains("Credential=modelgateway/", request.Authorization, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Gcs_Example_Answers()
    {
        const string Account = "gateway@my-project.iam.gserviceaccount.com";
        var page = new DocumentedPage("storage/gcs.md");
        await _example.RunAsync(page.Block(Heading, "sh"));
        string[] copy = Assert.Single(_example.Calls);
        Assert.Equal(["gcloud", "storage", "cp", "--recursive"], copy[..4]);

        // As gcloud does where the destination ends with a slash: the folder itself goes there, not only what is in it.
        Assert.EndsWith("/", copy[5], StringComparison.Ordinal);
        GcsServer server = await StartAsync(new GcsServer());
        GcsBucket bucket = await UploadAsync(server, copy[4], new Uri($"{copy[5]}{Path.GetFileName(copy[4])}"));
        bucket.Readers = new HashSet<string> { Account };
        _example.Replace("/run/secrets/gcs.json", await WriteAsync("gcs.json", server.Tokens.CreateServiceAccount(Account)));

        await _example.StartAsync(("Gateway__Gcs__Endpoint", server.Address.AbsoluteUri));

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Gcs_OtherBuckets_Answer(int line)
    {
        var page = new DocumentedPage("storage/gcs.md");
        string[] lines = page.Block("## Public buckets, buckets that charge the reader, emulators", "sh").TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        await _example.RunAsync(lines[line]);
        GcsServer server = await StartAsync(new GcsServer());
        GcsBucket bucket = await UploadAsync(server, Sample, new Uri($"{_example.Settings["Gateway__Repository"]}/iris"));
        bucket.IsPublic = line != 1;
        bucket.RequesterPays = line == 1;
        (string, string)[] surroundings = [];
        if (line == 2)
        {
            _example.Replace("localhost:4443", server.Address.Authority);
        }
        else
        {
            surroundings = [("Gateway__Gcs__Endpoint", server.Address.AbsoluteUri), ("GOOGLE_APPLICATION_CREDENTIALS", await WriteAsync("key.json", server.Tokens.CreateServiceAccount("someone")))];
        }

        await _example.StartAsync(surroundings);

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
        Assert.Equal(line == 1, server.Tokens.Requests > 0);
        Assert.All(bucket.Requests, request => Assert.Equal(line == 1, request.Contains("userProject=my-project", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AzureBlob_Example_Answers()
    {
        var page = new DocumentedPage("storage/azure-blob.md");
        await _example.RunAsync(page.Block(Heading, "sh"));
        Assert.Equal(2, _example.Calls.Count);
        Assert.Equal(["az", "storage", "blob", "upload-batch"], _example.Calls[0][..4]);
        Assert.Equal(["az", "storage", "container", "generate-sas"], _example.Calls[1][..4]);
        Dictionary<string, string> upload = OptionsOf(_example.Calls[0]);
        Dictionary<string, string> sas = OptionsOf(_example.Calls[1]);
        AzuriteServer server = await StartAsync(new AzuriteServer());
        BlobContainerClient container = await UploadAsync(server, upload["--source"], upload["--destination"], upload["--destination-path"]);
        Assert.Equal((container.Name, upload["--account-name"]), (sas["--name"], sas["--account-name"]));
        var builder = new BlobSasBuilder { BlobContainerName = sas["--name"], Resource = "c", ExpiresOn = DateTimeOffset.Parse(sas["--expiry"], System.Globalization.CultureInfo.InvariantCulture) };
        builder.SetPermissions(sas["--permissions"]);
        await WriteAsync("models.sas", container.GenerateSasUri(builder).Query.TrimStart('?') + "\n");
        _example.Replace($"azblob://{upload["--account-name"]}/", $"azblob://{AzuriteServer.Account}/");

        await _example.StartAsync(("Gateway__AzureBlob__Endpoint", server.Endpoint));

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }

    [Fact]
    public async Task AzureBlob_SettingsForAzurite_Answer()
    {
        var page = new DocumentedPage("storage/azure-blob.md");
        await _example.RunAsync(page.Block("## Azurite", "sh"));
        Assert.Equal(["npx", "azurite-blob", "--skipApiVersionCheck", "--disableTelemetry"], Assert.Single(_example.Calls));
        var repository = new Uri(_example.Settings["Gateway__Repository"]!);
        AzuriteServer server = await StartAsync(new AzuriteServer());
        await UploadAsync(server, Sample, repository.AbsolutePath.Trim('/'), "iris");
        Assert.Equal(AzuriteServer.Account, repository.Host);

        // The short form stands for the same account and key, at a port of its own.
        _example.Replace("UseDevelopmentStorage=true", server.ConnectionString);

        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }

    [Fact]
    public async Task MLflow_Example_Answers()
    {
        var page = new DocumentedPage("storage/mlflow.md");
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using MlflowServer server = await MlflowServer.StartAsync(certificate);
        string[] calls = await RunWithoutMlflowAsync(page.Block(Heading, "python"));
        Assert.Equal("set_tracking_uri https://mlflow.example.com", calls[0]);
        string model = calls[1].Split(' ')[^1];
        Assert.Equal($"log_model model {model}", calls[1]);
        int version = server.AddVersion(model, MlflowServer.MLmodel(), ("model.onnx", await File.ReadAllBytesAsync(_example.PathOf("logged.onnx"))));
        string[] alias = calls[2].Split(' ');
        Assert.Equal(["set_registered_model_alias", model, alias[2], $"{version}"], alias);
        server.SetAlias(model, alias[2], version);
        server.Authorization = $"Bearer {Secret}";

        await _example.RunAsync(page.Block(Heading, "sh"));
        _example.Replace("https://mlflow.example.com", server.Address);
        _example.Replace("/run/secrets/mlflow-token", await WriteAsync("token", Secret));
        await _example.StartAsync(("Gateway__MLflow__CertificateAuthorityFile", await WriteAsync("authority.pem", authority.ExportCertificatePem())));

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }

    [Fact]
    public async Task WebServer_Example_Answers()
    {
        var page = new DocumentedPage("storage/http.md");
        string directives = page.Block(Heading, "nginx")
            .Replace("/srv/models", "{base}/www", StringComparison.Ordinal)
            .Replace("/etc/nginx/models.users", "{base}/users", StringComparison.Ordinal);
        await using NginxServer nginx = await NginxServer.StartAsync(directives, ("users", $"gateway:{{PLAIN}}{Secret}\n"));
        foreach ((string name, byte[] content) in _example.Files(Sample))
        {
            string file = Path.Combine(nginx.Root, "iris", name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, content);
        }

        await _example.RunPythonAsync(page.Block(Heading, "python"), nginx.Root);
        await _example.RunAsync(page.Block("## The three settings that matter", "bash"));
        _example.Replace("https://models.example.com/", nginx.Address.AbsoluteUri);
        _example.Replace("/run/secrets/models-password", await WriteAsync("password", Secret));
        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "bash"));
    }

    // Runs it with the real onnx and with notes of what mlflow is asked to do, in order; the model that it logs is then in logged.onnx.
    private async Task<string[]> RunWithoutMlflowAsync(string script)
    {
        const string Prelude = """
            import sys, unittest.mock
            mlflow = sys.modules["mlflow"] = unittest.mock.MagicMock()

            """;
        const string Epilogue = """

            for name, arguments, options in mlflow.mock_calls:
                method = name.split(".")[-1]
                if method == "log_model":
                    open("logged.onnx", "wb").write(arguments[0].SerializeToString())
                    arguments = arguments[1:]
                if method in ("set_tracking_uri", "log_model", "set_registered_model_alias"):
                    print(method, *arguments, *options.values())
            """;
        return (await _example.RunPythonAsync(Prelude + script + Epilogue)).TrimEnd().Split('\n');
    }

    private async Task<T> StartAsync<T>(T server)
        where T : IAsyncLifetime
    {
        await server.InitializeAsync();
        _servers.Add(server);
        return server;
    }

    private async Task<S3Server> StartS3Async(string folder, Uri to)
    {
        S3Server server = await S3Server.StartAsync();
        await server.CreateBucketAsync(to.Host);
        foreach ((string name, byte[] content) in _example.Files(folder))
        {
            await server.PutAsync(to.Host, $"{to.AbsolutePath.Trim('/')}/{name}", content);
        }

        return server;
    }

    private async Task<GcsBucket> UploadAsync(GcsServer server, string folder, Uri to)
    {
        GcsBucket bucket = server.CreateBucket(to.Host);
        foreach ((string name, byte[] content) in _example.Files(folder))
        {
            await server.UploadAsync(bucket, $"{to.AbsolutePath.Trim('/')}/{name}", content);
        }

        return bucket;
    }

    private async Task<BlobContainerClient> UploadAsync(AzuriteServer server, string folder, string container, string prefix)
    {
        var client = new BlobContainerClient(server.ConnectionString, container);
        await client.CreateAsync();
        foreach ((string name, byte[] content) in _example.Files(folder))
        {
            await client.UploadBlobAsync($"{prefix}/{name}", BinaryData.FromBytes(content));
        }

        return client;
    }

    private async Task<string> WriteAsync(string name, string content)
    {
        await File.WriteAllTextAsync(_example.PathOf(name), content);
        return _example.PathOf(name);
    }

    // Each option with the word behind it; a flag has the next option there, which nobody asks for.
    private static Dictionary<string, string> OptionsOf(string[] call) =>
        Enumerable.Range(0, call.Length - 1).Where(i => call[i].StartsWith("--", StringComparison.Ordinal)).ToDictionary(i => call[i], i => call[i + 1]);
}
