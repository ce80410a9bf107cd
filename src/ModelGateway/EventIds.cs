namespace ModelGateway;

/// <summary>The ids of the host's log events (the core's are below 2000); a number is never used again for something else.</summary>
internal static class EventIds
{
    public const int RequestAnswered = 2000;
    public const int RequestsRefused = 2001;
    public const int AuthDisabled = 2100;
    public const int TokenRefused = 2101;
    public const int IssuerKeysRead = 2110;
    public const int IssuerKeysUnreadable = 2111;
    public const int DevelopmentToken = 2120;
    public const int DevelopmentCall = 2121;
    public const int RefreshReceived = 2200;
    public const int SubscriptionWaits = 2201;
    public const int CertificateRenewed = 2300;
    public const int CertificateRefused = 2301;
    public const int AuditUnwritable = 2310;
    public const int AuditLost = 2311;
    public const int TracesNotSent = 2400;
    public const int TracesSent = 2401;
    public const int IdleMemoryGivenBack = 2410;
}
