using ModelGateway.Protocols.Bodies;
using ModelGateway.Protocols.OpenInference;

namespace ModelGateway.Protocols;

/// <summary>What all dialects share.</summary>
internal static class ProtocolsSetup
{
    public static void AddProtocols(this IServiceCollection services)
    {
        services.AddSingleton<RequestBodyReader>();
        services.AddSingleton<PredictExchange>();
        services.AddSingleton<EarlyRefusals>();
        services.AddOpenInference();
    }
}
