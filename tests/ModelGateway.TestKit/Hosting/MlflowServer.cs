using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// A tracking server that speaks MLflow's REST API over real connections, as far as a reader of the registry needs it and as strictly as the real
/// one: pages and filters, empty fields left out, errors with their codes, no ranges and no lengths on artifacts. It counts what it is asked.
/// </summary>
public sealed class MlflowServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Model> _models = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, byte[]> _artifacts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _requests = new(StringComparer.Ordinal);
    private long _clock = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private MlflowServer(WebApplication app) => _app = app;

    /// <summary>With a port, without a slash at the end.</summary>
    public string Address => _app.Urls.First().TrimEnd('/');

    /// <summary>As a repository of the gateway.</summary>
    public string Repository => "mlflow+" + Address;

    /// <summary>The <c>Authorization</c> header that is asked for; null for none.</summary>
    public string? Authorization { get; set; }

    /// <summary>May answer a request in the server's place (true); for faults.</summary>
    public Func<HttpContext, Task<bool>> Intercept { get; set; } = static _ => Task.FromResult(false);

    /// <summary>Where the artifacts of runs are, by run.</summary>
    public ConcurrentDictionary<string, string> Runs { get; } = new(StringComparer.Ordinal);

    /// <summary>Where the artifacts of logged models are, by id.</summary>
    public ConcurrentDictionary<string, string> LoggedModels { get; } = new(StringComparer.Ordinal);

    /// <summary>Requests since the last reset, by path; folders of artifacts as <c>artifacts</c>, files as <c>artifacts/*</c>.</summary>
    public IReadOnlyDictionary<string, int> Requests => new SortedDictionary<string, int>(_requests, StringComparer.Ordinal);

    /// <summary>Starts one on a free port of the loopback interface.</summary>
    /// <param name="certificate">Speaks TLS with it; without one, plain http.</param>
    public static async Task<MlflowServer> StartAsync(X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = Environments.Production });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        WebApplication app = builder.Build();
        var server = new MlflowServer(app);
        app.Use(server.GuardAsync);
        server.Map(app);
        await app.StartAsync();
        return server;
    }

    /// <summary>Starts counting anew.</summary>
    public void ResetRequests() => _requests.Clear();

    /// <summary>Registers a model without versions, or describes it anew.</summary>
    public void AddModel(string name, string? description = null, params (string Key, string Value)[] tags) => Change(name, model =>
    {
        model.Description = description;
        foreach ((string key, string value) in tags)
        {
            model.Tags[key] = value;
        }
    });

    /// <summary>Registers a version whose files lie behind the artifact proxy, in the folder <c>model</c> of a run of its own.</summary>
    /// <returns>Its number.</returns>
    public int AddVersion(string name, params (string Name, byte[] Content)[] files)
    {
        string run = Guid.NewGuid().ToString("n");
        string root = $"1/{run}/artifacts/model";
        foreach ((string file, byte[] content) in files)
        {
            PutArtifact($"{root}/{file}", content);
        }

        return AddVersion(name, $"mlflow-artifacts:/{root}", run);
    }

    /// <summary>Registers a version whose source is given.</summary>
    public int AddVersion(string name, string source, string? run = null, string status = "READY")
    {
        int number = 0;
        Change(name, model =>
        {
            number = ++model.LastVersion;
            model.Versions[number] = new Version { Number = number, Created = ++_clock, Source = source, Run = run, Status = status };
        });
        return number;
    }

    /// <summary>An MLmodel file of the ONNX flavour.</summary>
    /// <param name="data">Its ONNX file.</param>
    /// <param name="columns">The columns of its signature; none for no signature.</param>
    public static (string Name, byte[] Content) MLmodel(string data = "model.onnx", params string[] columns)
    {
        string signature = columns.Length == 0 ? "" : "signature:\n  inputs: '"
            + new JsonArray([.. columns.Select(name => new JsonObject { ["type"] = "double", ["name"] = name, ["required"] = true })]).ToJsonString().Replace("'", "''", StringComparison.Ordinal)
            + "'\n  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1, 1]}}]'\n";
        return ("MLmodel", Encoding.UTF8.GetBytes(
            $"artifact_path: model\nflavors:\n  onnx:\n    code: null\n    data: {data}\n    onnx_version: 1.16.0\n    providers:\n    - CPUExecutionProvider\n"
            + $"  python_function:\n    data: {data}\n    env: conda.yaml\n    loader_module: mlflow.onnx\nmlflow_version: 3.1.0\n{signature}"));
    }

    /// <summary>Puts a file behind the artifact proxy.</summary>
    public void PutArtifact(string path, byte[] content)
    {
        lock (_gate)
        {
            _artifacts[path] = content;
        }
    }

    /// <summary>Removes a file behind the artifact proxy.</summary>
    public void RemoveArtifact(string path)
    {
        lock (_gate)
        {
            _artifacts.Remove(path);
        }
    }

    /// <summary>Gives an alias to a version, which takes it from another.</summary>
    public void SetAlias(string name, string alias, int version) => Change(name, model => model.Aliases[alias] = version);

    /// <summary>Removes an alias.</summary>
    public void RemoveAlias(string name, string alias) => Change(name, model => model.Aliases.Remove(alias));

    /// <summary>Puts a version into a stage.</summary>
    public void SetStage(string name, int version, string stage) => Change(name, model => model.Versions[version].Stage = stage);

    /// <summary>Changes a version's status.</summary>
    /// <param name="name">The model.</param>
    /// <param name="version">Its version.</param>
    /// <param name="status">READY, or another.</param>
    /// <param name="message">Why.</param>
    public void SetStatus(string name, int version, string status, string? message = null) =>
        Change(name, model => (model.Versions[version].Status, model.Versions[version].StatusMessage) = (status, message));

    /// <summary>Tags a version.</summary>
    public void SetVersionTag(string name, int version, string key, string value) => Change(name, model => model.Versions[version].Tags[key] = value);

    /// <summary>Describes a version.</summary>
    public void DescribeVersion(string name, int version, string description) => Change(name, model => model.Versions[version].Description = description);

    /// <summary>Removes a version and the aliases that it has.</summary>
    public void RemoveVersion(string name, int version) => Change(name, model =>
    {
        model.Versions.Remove(version);
        foreach (string alias in model.Aliases.Where(alias => alias.Value == version).Select(alias => alias.Key).ToList())
        {
            model.Aliases.Remove(alias);
        }
    });

    /// <summary>Removes a model with all its versions.</summary>
    public void RemoveModel(string name)
    {
        lock (_gate)
        {
            _models.Remove(name);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private void Change(string name, Action<Model> change)
    {
        lock (_gate)
        {
            if (!_models.TryGetValue(name, out Model? model))
            {
                model = new Model { Name = name, Created = ++_clock };
                _models.Add(name, model);
            }

            change(model);
            model.Updated = ++_clock;
        }
    }

    private async Task GuardAsync(HttpContext http, RequestDelegate next)
    {
        string path = http.Request.Path.Value!;
        string name = path.Contains("/artifacts/", StringComparison.Ordinal) ? "artifacts/*" : path.EndsWith("/artifacts", StringComparison.Ordinal) ? "artifacts"
            : path[(path.IndexOf("mlflow/", StringComparison.Ordinal) + "mlflow/".Length)..];
        _requests.AddOrUpdate(name, 1, (_, count) => count + 1);
        if (await Intercept(http))
        {
            return;
        }

        if (Authorization is not null && http.Request.Headers.Authorization != Authorization)
        {
            http.Response.StatusCode = 401;
            http.Response.Headers.WWWAuthenticate = "Basic realm=\"mlflow\"";
            await http.Response.WriteAsync("You are not authenticated.");
            return;
        }

        await next(http);
    }

    private void Map(WebApplication app)
    {
        RouteGroupBuilder api = app.MapGroup("/api/2.0/mlflow");
        api.MapGet("/registered-models/search", Search);
        api.MapGet("/model-versions/get", (HttpContext http) => WithVersion(http, version => new JsonObject { ["model_version"] = version.ToJson(http.Request.Query["name"].ToString()) }));
        api.MapGet("/model-versions/get-download-uri", (HttpContext http) => WithVersion(http, version => new JsonObject { ["artifact_uri"] = version.Source }));
        api.MapGet("/runs/get", (HttpContext http) => Runs.TryGetValue(http.Request.Query["run_id"].ToString(), out string? uri)
            ? Answer(new JsonObject { ["run"] = new JsonObject { ["info"] = new JsonObject { ["artifact_uri"] = uri } } })
            : Error(404, "RESOURCE_DOES_NOT_EXIST", "Run not found"));
        api.MapGet("/logged-models/{id}", (string id) => LoggedModels.TryGetValue(id, out string? uri)
            ? Answer(new JsonObject { ["model"] = new JsonObject { ["info"] = new JsonObject { ["model_id"] = id, ["artifact_uri"] = uri } } })
            : Error(404, "RESOURCE_DOES_NOT_EXIST", "Logged model not found"));
        app.MapGet("/api/2.0/mlflow-artifacts/artifacts", ListArtifacts);
        app.MapGet("/api/2.0/mlflow-artifacts/artifacts/{**path}", SendArtifactAsync);
    }

    private IResult Search(HttpContext http)
    {
        string[] known = ["filter", "max_results", "order_by", "page_token"];
        if (http.Request.Query.Keys.FirstOrDefault(key => !known.Contains(key)) is { } unknown)
        {
            return Error(400, "INVALID_PARAMETER_VALUE", $"Unknown parameter {unknown}");
        }

        string most = http.Request.Query["max_results"].ToString();
        int count = most.Length == 0 ? 100 : int.Parse(most, CultureInfo.InvariantCulture);
        if (count is < 1 or > 1000)
        {
            return Error(400, "INVALID_PARAMETER_VALUE", "Invalid value for max_results. It must be at most 1000");
        }

        string token = http.Request.Query["page_token"].ToString();
        int offset = token.Length == 0 ? 0 : int.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(token)), CultureInfo.InvariantCulture);
        lock (_gate)
        {
            Model[] found = [.. _models.Values.Where(model => Passes(model, http.Request.Query["filter"].ToString())).Skip(offset)];
            var answer = new JsonObject();
            AddList(answer, "registered_models", found.Take(count).Select(model => model.ToJson()));
            if (found.Length > count)
            {
                answer["next_page_token"] = Convert.ToBase64String(Encoding.UTF8.GetBytes((offset + count).ToString(CultureInfo.InvariantCulture)));
            }

            return Answer(answer);
        }
    }

    private static bool Passes(Model model, string filter)
    {
        string[] parts = filter.Split(' ', 3);
        string text = parts[^1].Trim('\'');
        return filter.Length == 0
            || (parts is ["name", "=", _] && model.Name == text)
            || (parts is ["name", "LIKE", _] && System.Text.RegularExpressions.Regex.IsMatch(model.Name, $"^{System.Text.RegularExpressions.Regex.Escape(text).Replace("%", ".*", StringComparison.Ordinal)}$"));
    }

    private IResult WithVersion(HttpContext http, Func<Version, JsonObject> answer)
    {
        string name = http.Request.Query["name"].ToString();
        string version = http.Request.Query["version"].ToString();
        lock (_gate)
        {
            return _models.TryGetValue(name, out Model? model) && int.TryParse(version, CultureInfo.InvariantCulture, out int number) && model.Versions.TryGetValue(number, out Version? found)
                ? Answer(answer(found))
                : Error(404, "RESOURCE_DOES_NOT_EXIST", $"Model Version (name={name}, version={version}) not found");
        }
    }

    private IResult ListArtifacts(HttpContext http)
    {
        string folder = http.Request.Query["path"].ToString().TrimEnd('/') + "/";
        lock (_gate)
        {
            var answer = new JsonObject();
            AddList(answer, "files", _artifacts.Where(file => file.Key.StartsWith(folder, StringComparison.Ordinal))
                .Select(file => (Name: file.Key[folder.Length..], file.Value.Length))
                .GroupBy(file => file.Name.Contains('/') && !file.Name.StartsWith('.') ? file.Name[..file.Name.IndexOf('/')] : file.Name)
                .Select(group => group.Key == group.First().Name
                    ? new JsonObject { ["path"] = group.Key, ["is_dir"] = false, ["file_size"] = group.First().Length }
                    : new JsonObject { ["path"] = group.Key, ["is_dir"] = true }));
            return Answer(answer);
        }
    }

    private async Task SendArtifactAsync(HttpContext http, string path)
    {
        byte[]? content;
        lock (_gate)
        {
            content = _artifacts.GetValueOrDefault(path);
        }

        if (content is null)
        {
            await Error(404, "RESOURCE_DOES_NOT_EXIST", $"No such artifact: '{path}'").ExecuteAsync(http);
            return;
        }

        // Streamed by the real server, whatever range is asked for: no length is told.
        http.Response.ContentType = "application/octet-stream";
        await http.Response.StartAsync();
        for (int at = 0; at < content.Length; at += 1 << 16)
        {
            await http.Response.Body.WriteAsync(content.AsMemory(at, Math.Min(1 << 16, content.Length - at)));
        }
    }

    private static IResult Answer(JsonObject answer) => Results.Text(answer.ToJsonString(), "application/json");

    private static IResult Error(int status, string code, string message) =>
        Results.Text(new JsonObject { ["error_code"] = code, ["message"] = message }.ToJsonString(), "application/json", statusCode: status);

    private static void AddList(JsonObject owner, string name, IEnumerable<JsonObject> items)
    {
        JsonArray list = [.. items];
        if (list.Count > 0)
        {
            owner[name] = list;
        }
    }

    private static IEnumerable<JsonObject> ToJson(IEnumerable<KeyValuePair<string, string>> tags) =>
        tags.Select(tag => new JsonObject { ["key"] = tag.Key, ["value"] = tag.Value });

    private sealed class Model
    {
        public required string Name { get; init; }

        public required long Created { get; init; }

        public long Updated { get; set; }

        public string? Description { get; set; }

        public int LastVersion { get; set; }

        public SortedDictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, int> Aliases { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<int, Version> Versions { get; } = [];

        public JsonObject ToJson()
        {
            var json = new JsonObject { ["name"] = Name, ["creation_timestamp"] = Created, ["last_updated_timestamp"] = Updated };
            if (Description is not null)
            {
                json["description"] = Description;
            }

            // The newest of each stage, whatever its status, and without their aliases: as the real server's SQL store has it.
            AddList(json, "latest_versions", Versions.Values.GroupBy(version => version.Stage).Select(stage => stage.Last().ToJson(Name)));
            AddList(json, "tags", MlflowServer.ToJson(Tags));
            AddList(json, "aliases", Aliases.Select(alias => new JsonObject { ["alias"] = alias.Key, ["version"] = alias.Value.ToString(CultureInfo.InvariantCulture) }));
            return json;
        }
    }

    private sealed class Version
    {
        public required int Number { get; init; }

        public required long Created { get; init; }

        public required string Source { get; init; }

        public string? Run { get; init; }

        public string Status { get; set; } = "READY";

        public string? StatusMessage { get; set; }

        public string Stage { get; set; } = "None";

        public string? Description { get; set; }

        public SortedDictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);

        public JsonObject ToJson(string model)
        {
            var json = new JsonObject
            {
                ["name"] = model,
                ["version"] = Number.ToString(CultureInfo.InvariantCulture),
                ["creation_timestamp"] = Created,
                ["last_updated_timestamp"] = Created,
                ["current_stage"] = Stage,
                ["source"] = Source,
                ["status"] = Status,
            };
            foreach ((string key, string? value) in new[] { ("description", Description), ("run_id", Run), ("status_message", StatusMessage) })
            {
                if (value is not null)
                {
                    json[key] = value;
                }
            }

            AddList(json, "tags", MlflowServer.ToJson(Tags));
            return json;
        }
    }
}
