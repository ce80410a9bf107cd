using ModelGateway.Protocols.Bodies;

namespace ModelGateway.Protocols;

/// <summary>What all dialects share.</summary>
internal static class ProtocolsSetup
{
    public static void AddProtocols(this IServiceCollection services)
    {
        services.AddSingleton<RequestBodyReader>();
        services.AddSingleton<PredictExchange>();
    }
}
