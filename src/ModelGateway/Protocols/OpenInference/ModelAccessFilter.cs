using ModelGateway.Auth;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Refuses a route's <c>{model}</c> that the caller's token does not cover, whether or not there is such a model.</summary>
internal sealed class ModelAccessFilter(ModelAccess access) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        if (http.GetRouteValue("model") is string model && !access.Allows(http, model))
        {
            await Problems.WriteModelForbiddenAsync(http);
            return Results.Empty;
        }

        return await next(context);
    }
}
