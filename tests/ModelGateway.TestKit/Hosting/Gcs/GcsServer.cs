using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Xunit;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>
/// A real HTTP server that speaks the JSON API of Google Cloud Storage as Google documents it, and the token servers beside it. No
/// emulator runs where there is neither Docker nor a current Java. It is strict: what the documentation does not know is refused.
/// </summary>
/// <remarks>
/// <code>
/// GET    /storage/v1/b/{bucket}/o                   list: prefix, maxResults, pageToken, fields
/// GET    /storage/v1/b/{bucket}/o/{object}          metadata, or the bytes with alt=media: generation, ifGenerationMatch, Range
/// DELETE /storage/v1/b/{bucket}/o/{object}
/// POST   /upload/storage/v1/b/{bucket}/o            uploadType=media: name, contentEncoding
/// POST   /token, /sts/v1/token, /v1/projects/-/serviceAccounts/{account}:generateAccessToken   see GcsTokens
/// GET    /computeMetadata/v1/instance/service-accounts/default/token
/// </code>
/// </remarks>
public sealed class GcsServer : IAsyncLifetime
{
    private const string ListPermission = "storage.objects.list";
    private const string GetPermission = "storage.objects.get";
    private const string CreatePermission = "storage.objects.create";
    private const string DeletePermission = "storage.objects.delete";
    private static readonly HttpClient Publisher = new();
    private readonly ConcurrentDictionary<string, GcsBucket> _buckets = new(StringComparer.Ordinal);
    private readonly WebApplication _app;
    private string _publisherToken = "";

    public GcsServer()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>Where it listens, with a slash at its end.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Accounts and tokens.</summary>
    public GcsTokens Tokens { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        await _app.StartAsync();
        Address = new Uri(_app.Services.GetService(typeof(Microsoft.AspNetCore.Hosting.Server.IServer)) is Microsoft.AspNetCore.Hosting.Server.IServer server
            ? server.Features.Get<IServerAddressesFeature>()!.Addresses.Single()
            : throw new InvalidOperationException("It listens nowhere."));
        Tokens = new GcsTokens(Address);
        _publisherToken = Tokens.IssueForPublisher();
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    /// <summary>A new bucket.</summary>
    /// <param name="name">Its name; null for one that no other has.</param>
    public GcsBucket CreateBucket(string? name = null)
    {
        var bucket = new GcsBucket(name ?? $"bucket-{Guid.NewGuid():n}");
        return _buckets.TryAdd(bucket.Name, bucket) ? bucket : throw new InvalidOperationException("The name is taken.");
    }

    /// <summary>Uploads an object by HTTP, as those who publish models do.</summary>
    public async Task UploadAsync(GcsBucket bucket, string name, byte[] content, string? contentEncoding = null)
    {
        string encoding = contentEncoding is null ? "" : $"&contentEncoding={contentEncoding}";
        using var body = new ByteArrayContent(content);
        await PublishAsync(HttpMethod.Post, $"upload/storage/v1/b/{bucket.Name}/o?uploadType=media&userProject=publisher&name={Uri.EscapeDataString(name)}{encoding}", body);
    }

    /// <summary>Removes an object by HTTP.</summary>
    public Task DeleteAsync(GcsBucket bucket, string name) =>
        PublishAsync(HttpMethod.Delete, $"storage/v1/b/{bucket.Name}/o/{Uri.EscapeDataString(name)}?userProject=publisher", null);

    private async Task PublishAsync(HttpMethod method, string target, HttpContent? body)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, target)) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _publisherToken);
        using HttpResponseMessage response = await Publisher.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        // As it was sent: the framework would decode the name of an object, and with it the slashes that are part of it.
        string target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        string[] parts = target.Split('?', 2);
        try
        {
            await RouteAsync(context, target, parts[0][1..].Split('/'), new GcsQuery(parts.Length == 2 ? parts[1] : ""));
        }
        catch (GcsException failure)
        {
            await WriteAsync(context, failure.Status, failure.ToJson());
        }
    }

    private async Task RouteAsync(HttpContext context, string target, string[] path, GcsQuery query)
    {
        string? permission = (context.Request.Method, path) switch
        {
            ("GET", ["storage", "v1", "b", _, "o"]) => ListPermission,
            ("GET", ["storage", "v1", "b", _, "o", _]) => GetPermission,
            ("DELETE", ["storage", "v1", "b", _, "o", _]) => DeletePermission,
            ("POST", ["upload", "storage", "v1", "b", _, "o"]) => CreatePermission,
            _ => null,
        };
        if (permission is null)
        {
            await Tokens.AnswerAsync(context, string.Join('/', path), query);
        }
        else if (await OpenAsync(context, target, permission == CreatePermission ? path[4] : path[3], permission, query) is { } bucket)
        {
            await AnswerAsync(context, bucket, permission, Uri.UnescapeDataString(path[^1]), query);
        }
    }

    private static async Task AnswerAsync(HttpContext context, GcsBucket bucket, string permission, string item, GcsQuery query)
    {
        switch (permission)
        {
            case ListPermission:
                await WriteAsync(context, StatusCodes.Status200OK, GcsObjects.List(bucket, query));
                break;
            case GetPermission:
                await GcsObjects.GetAsync(context, bucket, item, query);
                break;
            case DeletePermission:
                GcsObjects.Delete(bucket, item, query);
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                break;
            default:
                await WriteAsync(context, StatusCodes.Status200OK, await GcsObjects.InsertAsync(context, bucket, query));
                break;
        }
    }

    // Null where the test's hook answered instead.
    private async Task<GcsBucket?> OpenAsync(HttpContext context, string target, string name, string permission, GcsQuery query)
    {
        bool isWrite = permission is CreatePermission or DeletePermission;
        GcsAccount? account = Tokens.Authenticate(context.Request.Headers.Authorization);
        if (!_buckets.TryGetValue(name, out GcsBucket? bucket))
        {
            throw GcsException.NotFound("The specified bucket does not exist.");
        }

        if (!isWrite)
        {
            bucket.Record($"{context.Request.Method} {target}");
            if (bucket.OnRequest is { } hook && await hook(context))
            {
                return null;
            }
        }

        if (bucket.RequesterPays && query["userProject"] is null)
        {
            throw new GcsException(400, "required", "Bucket is a requester pays bucket but no user project provided.");
        }

        GcsTokens.Demand(account, bucket, permission, isWrite);
        return bucket;
    }

    private static async Task WriteAsync(HttpContext context, int status, JsonObject body)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json; charset=UTF-8";
            await context.Response.WriteAsync(body.ToJsonString());
        }
    }
}
