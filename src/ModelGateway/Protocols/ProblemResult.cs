using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols;

/// <summary>A refusal as the result of an endpoint.</summary>
internal sealed class ProblemResult(PredictError error) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Problems.WriteAsync(httpContext, error);
}
