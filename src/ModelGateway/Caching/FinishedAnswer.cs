using System.Buffers;
using Microsoft.Extensions.Primitives;
using ModelGateway.Protocols;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;

namespace ModelGateway.Caching;

/// <summary>An answer as it was sent, with the request that it answers. Immutable, but for texts that anyone may make anew.</summary>
/// <param name="Request">Which request it answers, but for the body.</param>
/// <param name="RequestBody">The body that it answers.</param>
/// <param name="Content">The answer.</param>
/// <param name="Freshness">How long it may be given again.</param>
/// <param name="MadeTimestamp">When it was made, as a timestamp of this process: cheaper to compare than the time of day.</param>
internal sealed record FinishedAnswer(AnswerRequest Request, byte[] RequestBody, AnswerContent Content, Freshness Freshness, long MadeTimestamp)
{
    // What an entry takes up besides its two bodies.
    private const int Overhead = 400;

    /// <summary>The texts of the last hit; whoever comes first in a new second replaces them.</summary>
    public HitTexts? LastHit { get; set; }

    public long Weight => RequestBody.Length + Content.Body.Length + Overhead;
}

/// <summary>What an answer says, for anyone to whom it is said again.</summary>
/// <param name="Body">Its bytes.</param>
/// <param name="ContentType">Its content type.</param>
/// <param name="BinaryStart">The header that says where its binary part begins; null for none.</param>
internal sealed record AnswerContent(byte[] Body, string ContentType, string? BinaryStart)
{
    /// <summary>What was written into a response whose bytes are <paramref name="body"/>.</summary>
    public static AnswerContent Of(HttpResponse response, byte[] body)
    {
        StringValues start = response.Headers[InferenceHeader.Name];
        return new AnswerContent(body, response.ContentType ?? "", start.Count == 0 ? null : start.ToString());
    }

    /// <summary>Sends it, but for the flush at the end of every request, which waits for a slow caller no longer than the server's limits allow.</summary>
    public Task SendAsync(HttpResponse to)
    {
        to.ContentType = ContentType;
        to.ContentLength = Body.Length;
        if (BinaryStart is not null)
        {
            to.Headers[InferenceHeader.Name] = BinaryStart;
        }

        // The headers first: a body that is written before them is copied once more.
        Task begun = to.StartAsync();
        if (!begun.IsCompletedSuccessfully)
        {
            return WriteAfterAsync(begun, to);
        }

        to.BodyWriter.Write(Body);
        return Task.CompletedTask;
    }

    private async Task WriteAfterAsync(Task begun, HttpResponse to)
    {
        await begun;
        to.BodyWriter.Write(Body);
    }
}

/// <summary>What an answer depends on besides the body.</summary>
/// <param name="Asked">The model and version as the caller named them: a body may name them again, and is refused where the two differ.</param>
/// <param name="Scope">The version that answers, by its present scope.</param>
/// <param name="Protocol">The dialect, which is one object each.</param>
/// <param name="BinaryStart">The request's header that says where its binary part begins; null for none.</param>
/// <param name="Tenant">Whose answers they are.</param>
internal readonly record struct AnswerRequest(ModelSpec Asked, CacheScope Scope, IPredictProtocol Protocol, string? BinaryStart, string? Tenant);
