using Microsoft.Extensions.Options;
using ModelGateway.Observability;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms;

/// <summary>Which model answers on a path that names none: the configured one, or the only one, or the one that the body names.</summary>
internal sealed class PlatformModel(PredictExchange exchange, ServableManager manager, IOptions<GatewayOptions> options)
{
    private static readonly PredictError Unnamed = new(
        PredictErrorKind.InvalidRequest,
        "There are several models: name one by the key 'model' of the JSON body, or for all requests by the setting Gateway:PlatformModel.");

    /// <summary><c>Gateway:PlatformModel</c>; null where it is not set.</summary>
    public ModelSpec? Configured { get; } = Parse(options.Value.PlatformModel);

    /// <summary>Answers a prediction.</summary>
    /// <param name="http">The request.</param>
    /// <param name="wanted">What a header of the platform names; null for nothing.</param>
    /// <param name="protocol">The dialect.</param>
    public Task HandleAsync(HttpContext http, ModelSpec? wanted, IPredictProtocol protocol)
    {
        ModelSpec? known = wanted ?? Configured ?? (manager.SoleModel is { } sole ? new ModelSpec(sole) : null);
        if (known is not { } spec)
        {
            return exchange.HandleAsync(http, FindModel, protocol);
        }

        RequestModel.Set(http, spec.Model);
        return exchange.HandleAsync(http, spec, protocol);
    }

    private (ModelSpec Spec, PredictError? Error) FindModel(ReadOnlyMemory<byte> body)
    {
        if (manager.SoleModel is { } sole)
        {
            // It has come meanwhile.
            return (new ModelSpec(sole), null);
        }

        (ModelSpec spec, PredictError? error) = NativeProtocol.FindModel(body);
        return error is null ? (spec, null)
            : manager.HasModels ? (default, Unnamed)
            : (default, new PredictError(PredictErrorKind.NotReady, "There is no model yet.") { RetryAfter = TimeSpan.FromSeconds(1) });
    }

    private static ModelSpec? Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        int slash = text.IndexOf('/');
        return slash < 0 ? new ModelSpec(text) : ModelSpec.Parse(text[..slash], text[(slash + 1)..]);
    }
}
