using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>A tracking server that refuses, fails, lies or is away.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private static readonly (string, byte[]) Model = MlflowServer.MLmodel();
    private Registry _registry = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        Server.AddVersion("iris", Model, ("model.onnx", [1, 2, 3]));
        Server.AddVersion("wine", Model, ("model.onnx", [4, 5, 6]));
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Theory]
    [InlineData("Token", "s3cret", null, null, "Bearer s3cret")]
    [InlineData("Username", "ann", "Password", "pässword: 1", "Basic YW5uOnDDpHNzd29yZDogMQ==")]
    public async Task ListAsync_Credentials_AreSent(string key, string value, string? otherKey, string? otherValue, string header)
    {
        await using Registry registry = await Registry.StartAsync([(key, value), .. otherKey is null ? [] : new[] { (otherKey, otherValue) }]);
        registry.Server.Authorization = header;
        registry.Server.AddVersion("iris", Model, ("model.onnx", [1, 2, 3]));

        Assert.Equal([1, 2, 3], await registry.Open().ReadAsync("iris/1/model.onnx"));
    }

    [Fact]
    public async Task ListAsync_TokenFile_IsReadAnewEachTime()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "first\n");
        await using Registry registry = await Registry.StartAsync(("TokenFile", file));
        registry.Server.Authorization = "Bearer first";
        IObjectStore store = registry.Open();
        await store.KeysAsync();

        await File.WriteAllTextAsync(file, "second\n");
        registry.Server.Authorization = "Bearer second";

        await store.KeysAsync();
        File.Delete(file);
        IOException gone = await Assert.ThrowsAnyAsync<IOException>(() => store.KeysAsync());
        Assert.DoesNotContain("second", gone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_PrivateAuthority_IsBelievedOnlyWhereItIsConfigured()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using MlflowServer server = await MlflowServer.StartAsync(certificate);
        server.AddVersion("iris", Model, ("model.onnx", [1, 2, 3]));
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, authority.ExportCertificatePem());
        var provider = new MLflowObjectStoreProvider(static _ => null);
        using var trusting = (IDisposable)new StoreHarness(("CertificateAuthorityFile", file)).Open(provider, server.Repository);
        using var other = (IDisposable)new StoreHarness().Open(provider, server.Repository);
        File.Delete(file);

        Assert.Equal([1, 2, 3], await ((IObjectStore)trusting).ReadAsync("iris/1/model.onnx"));
        IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => ((IObjectStore)other).KeysAsync());
        Assert.Contains("certificate", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_WrongToken_IsAnIOExceptionWithoutIt()
    {
        await using Registry registry = await Registry.StartAsync(("Token", "s3cret"));
        registry.Server.Authorization = "Bearer other";

        IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => registry.Open().KeysAsync());

        Assert.Contains("refuses 'api/2.0/mlflow/registered-models/search' (401 Unauthorized); check the token", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["list refused"], (await registry.Harness.RequestsAsync()).Keys);
    }

    [Theory]
    [InlineData(500, "{\"error_code\":\"INTERNAL_ERROR\",\"message\":\"The database\\nis away\"}", "answers 500 InternalServerError to 'api/2.0/mlflow/registered-models/search': INTERNAL_ERROR The database is away")]
    [InlineData(503, "<html>busy</html>", "answers 503 ServiceUnavailable to 'api/2.0/mlflow/registered-models/search'.")]
    [InlineData(404, "nothing here", "answers 404 to 'api/2.0/mlflow/registered-models/search'; is that the address of an MLflow tracking server?")]
    [InlineData(302, "", "with a redirect, which is not followed")]
    [InlineData(200, "<html>log in</html>", "does not answer as an MLflow tracking server")]
    [InlineData(200, "null", "does not answer as an MLflow tracking server")]
    [InlineData(200, "[]", "does not answer as an MLflow tracking server")]
    [InlineData(200, "{\"status\":\"ok\"}", "the search has neither registered_models nor next_page_token")]
    [InlineData(200, "{\"registered_models\":[{\"name\":null}]}", "does not answer as an MLflow tracking server")]
    [InlineData(200, "{\"registered_models\":[{\"name\":\"a\",\"creation_timestamp\":{}}]}", "does not answer as an MLflow tracking server")]
    public async Task ListAsync_RegistryFails_IsAnIOExceptionThatSaysHow(int status, string body, string message)
    {
        Server.Intercept = async http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "https://login.example/";
            await http.Response.WriteAsync(body);
            return true;
        };

        Assert.Contains(message, (await Assert.ThrowsAnyAsync<IOException>(() => _registry.Open().KeysAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_EmptyForAMoment_TakesNothingAway()
    {
        IObjectStore store = _registry.Open();
        ObjectListing before = (await store.ListAsync(null, CancellationToken.None))!;
        int answers = 0;
        Server.Intercept = http => AnswerSearchAsync(http, answers++ == 0 ? "{}" : null);

        Assert.Null(await store.ListAsync(before.Marker, CancellationToken.None));
        Assert.Equal(2, answers);

        // The same of a process that has only just begun.
        answers = 0;
        Assert.Equal(before.Objects.Count, (await _registry.Open().ListAsync(before.Marker, CancellationToken.None))!.Objects.Count);
    }

    [Fact]
    public async Task ListAsync_EmptyTwice_IsEmptyAndAskedOnceFromThen()
    {
        IObjectStore store = _registry.Open();
        string? marker = (await store.ListAsync(null, CancellationToken.None))!.Marker;
        int answers = 0;
        Server.Intercept = http =>
        {
            answers++;
            return AnswerSearchAsync(http, "{}");
        };

        ObjectListing empty = (await store.ListAsync(marker, CancellationToken.None))!;
        Assert.Empty(empty.Objects);
        Assert.Equal(2, answers);
        Assert.Null(await store.ListAsync(empty.Marker, CancellationToken.None));
        Assert.Equal(3, answers);
    }

    [Theory]
    [InlineData("wine,iris")]
    [InlineData("iris,wine")]
    public async Task ListAsync_ModelSlipsBetweenPages_IsAskedForOnceMore(string pages)
    {
        IObjectStore store = _registry.Open();
        string[] before = await store.KeysAsync();
        using var http = new HttpClient();
        using JsonDocument all = JsonDocument.Parse(await http.GetStringAsync($"{Server.Address}/api/2.0/mlflow/registered-models/search"));
        string[] models = [.. all.RootElement.GetProperty("registered_models").EnumerateArray().Select(model => model.GetRawText())];
        string found = models.Single(model => model.Contains($"\"name\":\"{pages.Split(',')[0]}\"", StringComparison.Ordinal));
        string other = models.Single(model => model != found);

        // Two searches of two pages: each shows another of the models alone.
        string[] answers = [Page(found, "a"), "{}", Page(other, "a"), "{}"];
        int answered = 0;
        Server.Intercept = request => AnswerSearchAsync(request, answered < answers.Length ? answers[answered++] : null);

        Assert.Equal(before, await store.KeysAsync());
        Assert.Equal(answers.Length, answered);
        Assert.Equal(before, await store.KeysAsync());

        // What is really gone goes: both searches say so.
        answers = [Page(found, "a"), "{}", Page(found, "a"), "{}"];
        answered = 0;
        Assert.All(await store.KeysAsync(), key => Assert.StartsWith(pages.Split(',')[0], key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ListAsync_NobodyThere_IsAnIOException()
    {
        var harness = new StoreHarness();
        using var store = (IDisposable)harness.Open(new MLflowObjectStoreProvider(static _ => null), "mlflow+http://127.0.0.1:1");

        IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => ((IObjectStore)store).KeysAsync());
        Assert.StartsWith("http://127.0.0.1:1/ cannot be asked for 'api/2.0/mlflow/registered-models/search'", refused.Message, StringComparison.Ordinal);
        Assert.Equal("mlflow+http://127.0.0.1:1", ((IObjectStore)store).Location);
    }

    [Theory]
    [InlineData("/MLmodel")]
    [InlineData("/artifacts")]
    [InlineData("/get-download-uri")]
    public async Task ListAsync_OneModelCannotBeRead_TheOthersAreListedAndItIsTriedAgain(string path)
    {
        string run = Guid.NewGuid().ToString("n");
        Server.PutArtifact($"1/{run}/MLmodel", Model.Item2);
        Server.PutArtifact($"1/{run}/model.onnx", [7]);
        Server.AddVersion("slow", $"mlflow-artifacts:/1/{run}");
        Server.Intercept = http => AnswerAsync(http, 500, request => (request.Path + request.QueryString.Value).Contains(path.StartsWith("/get", StringComparison.Ordinal) ? "slow" : run, StringComparison.Ordinal) && request.Path.Value!.EndsWith(path, StringComparison.Ordinal));
        IObjectStore store = _registry.Open();

        ObjectListing partly = (await store.ListAsync(null, CancellationToken.None))!;

        Assert.DoesNotContain(partly.Objects, item => item.Key.StartsWith("slow/", StringComparison.Ordinal));
        Assert.Equal(4, partly.Objects.Count);
        Assert.Contains("'slow/1' is passed over: it cannot be read now", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Server.Intercept = static _ => Task.FromResult(false);
        ObjectListing whole = (await store.ListAsync(partly.Marker, CancellationToken.None))!;
        Assert.Equal(6, whole.Objects.Count);
        Assert.Null(await store.ListAsync(whole.Marker, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_NewVersionCannotBeRead_TheOldGoesOnBeingServed()
    {
        IObjectStore store = _registry.Open();
        string[] before = await store.KeysAsync();
        Server.AddVersion("iris", Model, ("model.onnx", [7]));
        Server.Intercept = http => AnswerAsync(http, 503, request => request.Path.Value!.Contains("/artifacts", StringComparison.Ordinal));

        Assert.Equal(before, await store.KeysAsync());
        Server.Intercept = static _ => Task.FromResult(false);
        Assert.Contains("iris/2/model.onnx", await store.KeysAsync());
    }

    [Fact]
    public async Task CopyToAsync_ConnectionCut_IsAnIOException()
    {
        Server.AddVersion("large", Model, ("model.onnx", new byte[500_000]));
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("large/1/model.onnx");
        Server.Intercept = async http =>
        {
            await http.Response.Body.WriteAsync(new byte[100_000]);
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        };

        using var destination = new MemoryStream();
        await Assert.ThrowsAnyAsync<IOException>(() => store.CopyToAsync(listed, destination, CancellationToken.None));
        Assert.InRange(destination.Length, 0, 100_000);
    }

    [Fact]
    public async Task ListAsync_HostileTexts_MakeAConfigurationAllTheSame()
    {
        string hostile = string.Concat(Enumerable.Range(0, 0x3000).Select(c => (char)c)) + "\uD83D\uDE42\uFEFF\uFFFE" + new string('x', 5000);
        Server.AddModel("iris", hostile, [("a\nb: \"c\"", hostile), .. Enumerable.Range(0, 100).Select(i => ($"tag{i}", "\\" + new string('"', i + 1)))]);
        Server.SetVersionTag("iris", 1, "k", "# not a comment, {not: a map}, *not-an-alias");
        IObjectStore store = _registry.Open();

        ModelGateway.Serving.Models.ModelConfig config = await store.ConfigAsync("iris");

        Assert.True(config.Description!.Length <= 1000);
        Assert.Equal(40, config.Metadata.Count);
        Assert.Equal("\\\"", config.Metadata["tag.tag0"]);
        Assert.Equal("# not a comment, {not: a map}, *not-an-alias", config.VersionMetadata[1]["tag.k"]);
    }

    [Fact]
    public async Task ListAsync_HostileTexts_AreOneShortLineInTheLog()
    {
        string hostile = "a\r\nwarn: forged\u001b[31m" + new string('x', 800);
        Server.SetStatus("iris", 1, "FAILED", hostile);
        Server.AddVersion("flavours", ("MLmodel", Encoding.UTF8.GetBytes($"flavors:\n  \"{hostile.Replace("\r\n", "\\r\\n", StringComparison.Ordinal).Replace("\u001b", "\\e", StringComparison.Ordinal)}\": {{}}\n")));
        Server.AddVersion("source", hostile);

        await _registry.Open().KeysAsync();

        Assert.Equal(3, _registry.Logged.Count);
        Assert.Contains(_registry.Logged, line => line.Contains("its status is FAILED: a  warn: forged [31mxx", StringComparison.Ordinal));
        Assert.Contains(_registry.Logged, line => line.Contains("its flavours are a  warn: forged", StringComparison.Ordinal));
        Assert.All(_registry.Logged, line => Assert.True(line.Length < 600 && !line.Any(char.IsControl), line));
    }

    [Theory]
    [InlineData("https://s3cret@host/a/model", "https://host/a/model")]
    [InlineData("https://user:s3cret@host/a@b/model?sig=s3cret", "https://host/a@b/model")]
    [InlineData("s3://user:s3:cr@et@bucket", "s3://bucket")]
    [InlineData("https://user:s3/cret@host/model", "https://...")]
    [InlineData("https://user:s3?cret@host/model", "https://...")]
    [InlineData("https://[::1]:8080/model", "https://[::1]:8080/model")]
    [InlineData("s3://bucket/a:b@c", "s3://bucket/a:b@c")]
    [InlineData("wasbs://container@account.blob.core.windows.net/a", "wasbs://container@account.blob.core.windows.net/a")]
    [InlineData("ABFSS://container@account.dfs.core.windows.net/a", "ABFSS://container@account.dfs.core.windows.net/a")]
    [InlineData("abfss://user:s3cret@account.dfs.core.windows.net/a", "abfss://account.dfs.core.windows.net/a")]
    [InlineData("runs:/abc/model", "runs:/abc/model")]
    public void WithoutSecrets_Source_HasNoUserInfo(string source, string shown) => Assert.Equal(shown, ConfigText.WithoutSecrets(source));

    [Fact]
    public void Parse_MLmodelNestedOrBroken_IsRefusedAtOnce()
    {
        foreach (string text in new[] { new string('[', 500_000), "a: " + new string('{', 500_000), string.Concat(Enumerable.Repeat("- ", 100_000)), "\"\\UFFFFFFFF\"", "a: &x [*x", "? ? ? ?" })
        {
            Exception? refused = Record.Exception(() => MLmodel.Parse(text));
            Assert.True(refused is null or ModelNotServableException, refused?.ToString());
        }
    }

    [Theory]
    [InlineData("[{\"name\":\"a\",\"type\":\"double\"},{\"name\":\"b c\",\"type\":\"long\",\"required\":false}]", "a|b c")]
    [InlineData("[{\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"float32\",\"shape\":[-1,4]}}]", null)]
    [InlineData("[{\"type\":\"double\"}]", null)]
    [InlineData("[{\"name\":\"a\",\"type\":\"array\",\"items\":{\"type\":\"double\"}}]", null)]
    [InlineData("[{\"name\":\"a\",\"type\":\"double\"},{\"name\":\"a\",\"type\":\"double\"}]", null)]
    [InlineData("[{\"name\":\"a\\nb\",\"type\":\"double\"}]", null)]
    [InlineData("[{\"name\":1,\"type\":\"double\"}]", null)]
    [InlineData("[1]", null)]
    [InlineData("[]", null)]
    [InlineData("{}", null)]
    [InlineData("nonsense", null)]
    public void ReadColumns_Signature_AreThoseOfATable(string inputs, string? columns)
    {
        MLmodel read = MLmodel.Parse($"signature:\n  inputs: '{inputs}'\n");

        Assert.Equal(columns, read.ReadColumns() is { } names ? string.Join('|', names) : null);
    }

    private static string Page(string model, string next) => $"{{\"registered_models\":[{model}],\"next_page_token\":\"{next}\"}}";

    // Null: the server's own answer.
    private static async Task<bool> AnswerSearchAsync(HttpContext http, string? answer)
    {
        if (answer is not null)
        {
            await http.Response.WriteAsync(answer);
        }

        return answer is not null;
    }

    private static async Task<bool> AnswerAsync(HttpContext http, int status, Func<HttpRequest, bool> isMeant)
    {
        if (!isMeant(http.Request))
        {
            return false;
        }

        http.Response.StatusCode = status;
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes("{\"error_code\":\"TEMPORARILY_UNAVAILABLE\",\"message\":\"later\"}"));
        return true;
    }
}
