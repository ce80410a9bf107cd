using System.Text.Json.Nodes;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>A refusal, in the form in which the JSON API documents its errors.</summary>
public sealed class GcsException(int status, string reason, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The body.</summary>
    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["code"] = Status,
            ["message"] = Message,
            ["errors"] = new JsonArray(new JsonObject { ["message"] = Message, ["domain"] = "global", ["reason"] = reason }),
        },
    };

    internal static GcsException Invalid(string message) => new(400, "invalid", message);

    internal static GcsException NotFound(string message) => new(404, "notFound", message);
}
