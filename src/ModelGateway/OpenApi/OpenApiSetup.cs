using System.Globalization;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using ModelGateway.Auth;
using ModelGateway.Platforms;
using Swashbuckle.AspNetCore.Swagger;
using Swashbuckle.AspNetCore.SwaggerGen;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace ModelGateway.OpenApi;

/// <summary>The OpenAPI document and Swagger UI on top of it.</summary>
internal static class OpenApiSetup
{
    private const string EnabledKey = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Swagger)}:{nameof(PageOptions.Enabled)}";
    private const string Document = "v1";
    private const string DocumentPath = "/swagger/v1/swagger.json";

    /// <summary>Only where the page is: elsewhere the libraries of it would fill memory for nothing.</summary>
    public static void AddOpenApi(this WebApplicationBuilder builder)
    {
        // A value that is no boolean is a fault of the options, which ends the start.
        bool? isEnabled = bool.TryParse(builder.Configuration[EnabledKey], out bool value) ? value : null;
        if (IsShown(isEnabled, builder.Environment))
        {
            AddGenerator(builder.Services);
        }
    }

    /// <summary>Open in Development. Elsewhere only there when asked for, and then the document needs a token unless that is switched off.</summary>
    /// <remarks>
    /// The document names every model with its inputs; the page itself is the same in every installation and holds no secret. A
    /// browser cannot send a token with the page it opens, so the page is always open where it is there, and asks for the token itself.
    /// </remarks>
    public static void MapOpenApi(this WebApplication app)
    {
        PageOptions page = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.Swagger;
        if (IsShown(page.Enabled, app.Environment))
        {
            MapPage(app, page);
        }
    }

    private static bool IsShown(bool? isEnabled, IHostEnvironment environment) => isEnabled ?? environment.IsDevelopment();

    private static void AddGenerator(IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen();
        services.AddOptions<SwaggerGenOptions>().Configure<IOptions<GatewayOptions>>(Configure);
    }

    private static void MapPage(WebApplication app, PageOptions page)
    {
        IEndpointConventionBuilder document = app.MapGet(DocumentPath, WriteAsync).ExcludeFromDescription();
        bool needsToken = page.RequireToken ?? !app.Environment.IsDevelopment();
        if (needsToken)
        {
            document.RequireScope(Scopes.Read);
        }
        else
        {
            document.AllowAnonymous();
        }

        bool asksForTokens = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.Auth.Enabled;
        bool asks = needsToken && asksForTokens;
        if (asks)
        {
            app.MapGet(SwaggerPage.ScriptPath, SwaggerPage.Script).ExcludeFromDescription().AllowAnonymous();
        }

        app.UseWhen(static http => http.Request.Path.StartsWithSegments("/swagger"), branch =>
        {
            branch.Use(SwaggerPage.ProtectAsync);
            branch.UseSwaggerUI(ui => Configure(ui, asks));
        });
    }

    private static void Configure(SwaggerUIOptions ui, bool askForToken)
    {
        ui.RoutePrefix = "swagger";
        ui.DocumentTitle = "ModelGateway";
        ui.SwaggerEndpoint("v1/swagger.json", "ModelGateway");
        ui.DefaultModelsExpandDepth(-1);
        ui.DisplayRequestDuration();
        ui.EnableDeepLinking();

        // Tensors are long: with colours the example of a picture takes the browser half a minute.
        ui.ConfigObject.AdditionalItems["syntaxHighlight"] = new Dictionary<string, object> { ["activated"] = false };
        if (askForToken)
        {
            ui.InjectJavascript(SwaggerPage.ScriptPath);
        }
    }

    // Not Swashbuckle's own endpoint: it indents, which makes the example of a picture ten times as long.
    private static async Task WriteAsync(HttpContext http, IAsyncSwaggerProvider provider)
    {
        OpenApiDocument document = await provider.GetSwaggerAsync(Document);
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        document.SerializeAsV3(new OpenApiJsonWriter(text, new OpenApiJsonWriterSettings { Terse = true }));
        http.Response.ContentType = "application/json; charset=utf-8";

        // Models come and go: a browser asks again each time.
        http.Response.Headers.CacheControl = "no-cache";
        await http.Response.WriteAsync(text.ToString(), http.RequestAborted);
    }

    private static void Configure(SwaggerGenOptions generator, IOptions<GatewayOptions> options)
    {
        generator.SwaggerDoc(Document, new OpenApiInfo
        {
            Title = "ModelGateway",
            Version = Document,
            Description = "Predictions of the models that are loaded now. Each has an operation of its own below; press **Try it out** and **Execute**.",
        });
        // The same as GET for load balancers that probe with it: nothing to read about.
        generator.DocInclusionPredicate(static (_, action) => action.HttpMethod != HttpMethods.Head);
        generator.OperationFilter<CommonParts>();
        generator.DocumentFilter<ModelOperations>();

        // A cloud platform may choose a path that is one of ours, and then its route answers.
        generator.ResolveConflictingActions(static actions =>
            actions.FirstOrDefault(static action => action.ActionDescriptor.EndpointMetadata.OfType<PlatformRoute>().Any()) ?? actions.First());
        if (options.Value.Auth.Enabled)
        {
            generator.AddSecurityDefinition(CommonParts.Bearer, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "The token alone, without the word Bearer. In Development the server prints one when it starts.",
            });
        }
    }
}
