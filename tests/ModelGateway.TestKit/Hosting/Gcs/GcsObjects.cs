using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>The operations on objects, see https://cloud.google.com/storage/docs/json_api/v1/objects.</summary>
internal static class GcsObjects
{
    private const int LargestPage = 1000;

    public static JsonObject List(GcsBucket bucket, GcsQuery query)
    {
        query.AllowOnly("prefix", "maxResults", "pageToken");
        long count = Math.Min(query.Number("maxResults") ?? LargestPage, LargestPage);
        if (count == 0)
        {
            throw GcsException.Invalid("Invalid value for maxResults: 0");
        }

        IReadOnlyList<GcsObject> found = bucket.Page(query["prefix"] ?? "", PageStart(query["pageToken"]), (int)count);
        var page = new JsonObject { ["kind"] = "storage#objects" };
        if (found.Count > count)
        {
            page["nextPageToken"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(found[(int)count - 1].Name));
        }

        if (found.Count > 0)
        {
            page["items"] = new JsonArray([.. found.Take((int)count).Select(item => item.ToJson(bucket.Name))]);
        }

        return Selected(page, query);
    }

    public static async Task GetAsync(HttpContext context, GcsBucket bucket, string name, GcsQuery query)
    {
        query.AllowOnly("generation", "ifGenerationMatch", "ifGenerationNotMatch");
        GcsObject found = Find(bucket, name, query);
        if (query.Number("ifGenerationNotMatch") == found.Generation)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        switch (query["alt"] ?? "json")
        {
            case "json":
                context.Response.ContentType = "application/json; charset=UTF-8";
                await context.Response.WriteAsync(Selected(found.ToJson(bucket.Name), query).ToJsonString());
                break;
            case "media":
                await SendAsync(context, found);
                break;
            default:
                throw GcsException.Invalid("Invalid value for alt.");
        }
    }

    public static void Delete(GcsBucket bucket, string name, GcsQuery query)
    {
        query.AllowOnly("generation", "ifGenerationMatch");
        bucket.Remove(Find(bucket, name, query).Name);
    }

    public static async Task<JsonObject> InsertAsync(HttpContext context, GcsBucket bucket, GcsQuery query)
    {
        query.AllowOnly("uploadType", "name", "contentEncoding", "ifGenerationMatch");
        if (query["uploadType"] != "media" || query["name"] is not { Length: > 0 } name || Encoding.UTF8.GetByteCount(name) > 1024 || name is "." or ".." || name.Contains('\n', StringComparison.Ordinal))
        {
            throw GcsException.Invalid("Only uploadType=media with a proper name is known here.");
        }

        if (query.Number("ifGenerationMatch") is { } expected && expected != (bucket.Find(name)?.Generation ?? 0))
        {
            throw ConditionNotMet();
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        return Selected(bucket.Put(name, body.ToArray(), query["contentEncoding"]).ToJson(bucket.Name), query);
    }

    private static GcsObject Find(GcsBucket bucket, string name, GcsQuery query)
    {
        GcsObject? found = bucket.Find(name);

        // Without versioning an overwritten generation is gone.
        if (found is null || (query.Number("generation") is { } generation && generation != found.Generation))
        {
            throw GcsException.NotFound($"No such object: {bucket.Name}/{name}");
        }

        return query.Number("ifGenerationMatch") is { } expected && expected != found.Generation ? throw ConditionNotMet() : found;
    }

    private static GcsException ConditionNotMet() => new(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");

    private static async Task SendAsync(HttpContext context, GcsObject found)
    {
        HttpResponse response = context.Response;
        response.ContentType = "application/octet-stream";
        response.Headers["x-goog-generation"] = found.Generation.ToString(CultureInfo.InvariantCulture);
        response.Headers["x-goog-stored-content-length"] = found.Content.Length.ToString(CultureInfo.InvariantCulture);
        if (found.ContentEncoding == "gzip" && !context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
        {
            // Decompressive transcoding: no length, no encoding, and a range is ignored.
            await using var stored = new GZipStream(new MemoryStream(found.Content), CompressionMode.Decompress);
            await stored.CopyToAsync(response.Body);
            return;
        }

        if (found.ContentEncoding is not null)
        {
            response.Headers.ContentEncoding = found.ContentEncoding;
        }

        (int from, int to) = (0, found.Content.Length - 1);
        if (context.Request.Headers.Range is { Count: > 0 } header)
        {
            (from, to) = Range(header.ToString(), found, response);
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{found.Content.Length}");
        }

        response.ContentLength = to - from + 1;
        await response.Body.WriteAsync(found.Content.AsMemory(from, to - from + 1));
    }

    private static (int From, int To) Range(string header, GcsObject found, HttpResponse response)
    {
        string[] ends = header.StartsWith("bytes=", StringComparison.Ordinal) ? header["bytes=".Length..].Split('-') : [];
        if (ends.Length != 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int from)
            || !int.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out int to) || from > to)
        {
            throw GcsException.Invalid($"Invalid range: {header}");
        }

        if (from >= found.Content.Length)
        {
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{found.Content.Length}");
            throw new GcsException(416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
        }

        return (from, Math.Min(to, found.Content.Length - 1));
    }

    private static JsonObject Selected(JsonObject resource, GcsQuery query) => query["fields"] is { } fields ? GcsFields.Parse(fields).Select(resource) : resource;

    private static string? PageStart(string? pageToken)
    {
        try
        {
            return pageToken is null ? null : Encoding.UTF8.GetString(Convert.FromBase64String(pageToken));
        }
        catch (FormatException)
        {
            throw GcsException.Invalid("Invalid argument: pageToken");
        }
    }
}
