namespace ModelGateway.Storage.MLflow;

/// <summary>The ids of this store's log events, within the core's range; a number is never used again for something else.</summary>
internal static class EventIds
{
    public const int PassedOver = 1500;
}
