using ModelGateway.Caching.Memcached;
using ModelGateway.Caching.Redis;
using ModelGateway.Repositories;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.AzureBlob;
using ModelGateway.Storage.Gcs;
using ModelGateway.Storage.Http;
using ModelGateway.Storage.MLflow;
using ModelGateway.Storage.S3;

namespace ModelGateway;

/// <summary>The one list of what is plugged in: a new store is its project, its reference and its line here.</summary>
internal static class Backends
{
    public static readonly IReadOnlyList<IObjectStoreProvider> ObjectStores =
    [
        new FileObjectStoreProvider(),
        new S3ObjectStoreProvider(),
        new GcsObjectStoreProvider(),
        new AzureBlobObjectStoreProvider(),
        new HttpObjectStoreProvider(),
        new MLflowObjectStoreProvider(),
    ];

    /// <summary>Stores that several gateways share their predictions through.</summary>
    public static readonly IReadOnlyList<IPredictionStoreProvider> PredictionStores =
    [
        new RedisPredictionStoreProvider(),
        new MemcachedPredictionStoreProvider(),
    ];

    /// <summary>Opens them by URI.</summary>
    public static StoreCatalog Stores { get; } = new(ObjectStores);
}
