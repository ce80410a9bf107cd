using ModelGateway.Auth;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Refuses a route's <c>{model}</c> that the caller's token does not cover, whether or not there is such a model.</summary>
internal sealed class ModelAccessFilter : IEndpointFilter
{
    // Not made by the framework, which would compile a factory for it at each start.
    public static readonly ModelAccessFilter Instance = new();

    private ModelAccessFilter()
    {
    }

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        if (http.GetRouteValue("model") is string model && !http.RequestServices.GetRequiredService<ModelAccess>().Allows(http, model))
        {
            await Problems.WriteModelForbiddenAsync(http);
            return Results.Empty;
        }

        return await next(context);
    }
}
