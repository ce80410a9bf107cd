using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Bodies;

/// <summary>Either a body, which the caller then owns, or the reason why there is none.</summary>
internal readonly struct RequestBodyResult
{
    private RequestBodyResult(TensorBuffer? body, PredictError? error)
    {
        Body = body;
        Error = error;
    }

    /// <summary>The whole body in pooled memory, any Content-Encoding undone. Dispose it after the last look at its bytes.</summary>
    public TensorBuffer? Body { get; }

    public PredictError? Error { get; }

    [MemberNotNullWhen(true, nameof(Body))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsSuccess => Body is not null;

    public static RequestBodyResult Success(TensorBuffer body) => new(body, null);

    /// <param name="max">The limit, in bytes.</param>
    public static RequestBodyResult TooLarge(int max) => Failure(PredictErrorKind.TooLarge, $"The body is larger than the limit of {max} bytes.");

    public static RequestBodyResult Failure(PredictErrorKind kind, string message) => new(null, new PredictError(kind, message));
}
