using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using ModelGateway.Audit;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Admin.Refresh;

/// <summary>Finds out which repositories an announcement is about and has them looked at; does not wait for that.</summary>
internal sealed partial class RefreshAnswers(RepositoryWatcher watcher, RequestBodyReader bodies, IOptions<GatewayOptions> options, ILogger<RefreshAnswers> logger)
{
    public const int LargestBody = 256 << 10;
    private const string Known = "It may be empty, for all repositories, or one of: ";
    private readonly LimitOptions _limits = options.Value.Limits;

    public async Task<IResult> RefreshAsync(HttpContext http)
    {
        RequestBodyResult read = await bodies.ReadAsync(http.Request, new RequestBodyLimits(Math.Min(_limits.MaxBodyBytes, LargestBody), _limits.BodyTimeout));
        if (!read.IsSuccess)
        {
            return new ProblemResult(read.Error);
        }

        using TensorBuffer body = read.Body;
        (RefreshWish? wish, string? fault) = Read(body.Memory);
        return wish is null ? new ProblemResult(new PredictError(PredictErrorKind.InvalidRequest, fault!)) : Fulfil(http, wish);
    }

    private static (RefreshWish? Wish, string? Fault) Read(ReadOnlyMemory<byte> body)
    {
        if (body.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            return (RefreshWish.Everything, null);
        }

        string shapes = string.Join("; ", RefreshShape.All.Select(shape => shape.Name));
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            RefreshWish? wish = RefreshShape.All.Select(shape => shape.Read(document.RootElement)).FirstOrDefault(wish => wish is not null);
            return (wish, wish is null ? $"The body has none of the known shapes. {Known}{shapes}." : null);
        }
        catch (JsonException exception)
        {
            return (null, $"The body is not JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}). {Known}{shapes}.");
        }
        catch (InvalidOperationException)
        {
            // A text with half a surrogate, which JSON can spell and no string can hold.
            return (null, $"The body has a text that is not Unicode. {Known}{shapes}.");
        }
    }

    private IResult Fulfil(HttpContext http, RefreshWish wish)
    {
        if (wish.ValidationCode is { } code)
        {
            return TypedResults.Json(new ValidationAnswer(code), RefreshJson.Default.ValidationAnswer);
        }

        List<WatchedRepository> woken = [.. watcher.Repositories.Where(repository => wish.Concerns(repository.Location))];
        woken.ForEach(repository => repository.Wake());
        Log.Woken(logger, woken.Count);
        AuditTrail.Note(http, $"repositories that are looked at: {woken.Count}");
        if (wish.Subscription is { } subscription)
        {
            Log.ConfirmSubscription(
                logger, subscription.Topic, subscription.Url is { } url ? $"open {url}" : "run 'aws sns confirm-subscription' with the token of the message, which names no URL of Amazon SNS");
        }

        return TypedResults.Json(
            new RefreshAnswer([.. woken.Select(repository => repository.Location).Distinct()]),
            RefreshJson.Default.RefreshAnswer,
            statusCode: wish.Subscription is null ? StatusCodes.Status202Accepted : StatusCodes.Status200OK);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RefreshReceived, Level = LogLevel.Debug, Message = "A refresh was received; repositories that are looked at: {Count}")]
        public static partial void Woken(ILogger logger, int count);

        [LoggerMessage(EventId = EventIds.SubscriptionWaits, Level = LogLevel.Warning, Message = "The subscription of this server to {Topic} waits to be confirmed. To confirm it, {Step}")]
        public static partial void ConfirmSubscription(ILogger logger, string topic, string step);
    }
}

/// <summary>The repositories that are looked at now.</summary>
/// <param name="Repositories">Their locations.</param>
internal sealed record RefreshAnswer(IReadOnlyList<string> Repositories);

/// <summary>What Event Grid waits for before it sends events.</summary>
internal sealed record ValidationAnswer(string ValidationResponse);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RefreshAnswer))]
[JsonSerializable(typeof(ValidationAnswer))]
internal sealed partial class RefreshJson : JsonSerializerContext;
