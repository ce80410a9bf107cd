using Microsoft.Extensions.Options;

namespace ModelGateway.Audit;

/// <summary>Wiring of the audit log.</summary>
internal static class AuditSetup
{
    /// <summary>Before the other services of the host: it is to end after them.</summary>
    public static void AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<GatewayOptions>, AuditOptionsValidator>();
        services.AddSingleton<AuditLog>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditLog>());
        services.AddHostedService<RepositoryAudit>();
    }
}
