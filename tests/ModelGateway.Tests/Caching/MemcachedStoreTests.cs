using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Replicas that share Memcached. It announces nothing: a purge is seen by the others when they read the epochs again.</summary>
public sealed class MemcachedStoreTests(MemcachedFixture fixture) : ReplicaStoreTests(fixture), IClassFixture<MemcachedFixture>;
