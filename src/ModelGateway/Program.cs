using ModelGateway;

await GatewayApp.Build(args).RunAsync();
