using ModelGateway;
using ModelGateway.Admin;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Native;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddGatewayOptions();
builder.AddLogging();
builder.AddKestrel();
builder.AddGatewayAuth();
builder.Services.AddGatewayMetrics();
builder.Services.AddServing();
builder.Services.AddProtocols();
builder.Services.AddSingleton<Readiness>();
builder.Services.AddHostedService<ShutdownDelay>();

WebApplication app = builder.Build();
app.UseMiddleware<RequestFrame>();
app.UseGatewayAuth();
app.MapHealth();
app.MapMetricsPage();
app.MapNative();

app.MapLogLevel();
await app.RunAsync();
