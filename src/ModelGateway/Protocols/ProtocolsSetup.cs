using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;
using ModelGateway.Protocols.Bodies;

namespace ModelGateway.Protocols;

/// <summary>What all dialects share, and the error answers of every layer that has none of its own.</summary>
internal static class ProtocolsSetup
{
    public static void AddProtocols(this IServiceCollection services)
    {
        services.AddSingleton<RequestBodyReader>();
        services.AddSingleton<PredictExchange>();
    }

    /// <summary>Unknown paths, wrong verbs, refused tokens and unforeseen exceptions answer in the same shape as everything else.</summary>
    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = http =>
            {
                // Thrown by the server while a body is read outside our reader: it knows its own status.
                int status = http.Features.Get<IExceptionHandlerFeature>()?.Error is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError;
                string detail = status == StatusCodes.Status500InternalServerError ? "The server failed; its log says why, under this request id." : "The request is not valid HTTP.";
                return Problems.WriteAsync(http, status, ReasonPhrases.GetReasonPhrase(status), detail);
            },
        });
        app.UseStatusCodePages(context => Problems.WriteAsync(
            context.HttpContext, context.HttpContext.Response.StatusCode, ReasonPhrases.GetReasonPhrase(context.HttpContext.Response.StatusCode), Explain(context.HttpContext)));
    }

    private static string Explain(HttpContext http) => http.Response.StatusCode switch
    {
        StatusCodes.Status401Unauthorized => "A bearer token is needed, and this one is missing or not accepted.",
        StatusCodes.Status403Forbidden => "The token lacks the scope that this needs.",
        StatusCodes.Status404NotFound => "There is nothing under this path; /swagger shows what there is.",
        StatusCodes.Status405MethodNotAllowed => $"This path does not answer {(http.Request.Method.Length <= 16 ? http.Request.Method : "this method")}.",
        StatusCodes.Status415UnsupportedMediaType => "The content type is not supported.",
        _ => "The request was refused.",
    };
}
