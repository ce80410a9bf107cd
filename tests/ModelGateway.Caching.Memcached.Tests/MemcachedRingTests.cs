using System.Text;
using Xunit;

namespace ModelGateway.Caching.Memcached.Tests;

public sealed class MemcachedRingTests
{
    private static readonly MemcachedAddress[] Servers = [new("a", 11211), new("b", 11211), new("c", 11211)];
    private static readonly byte[][] Keys = [.. Enumerable.Range(0, 3000).Select(index => Encoding.ASCII.GetBytes($"modelgateway:1:v:{index}"))];

    [Fact]
    public void PlaceOf_ManyKeys_SpreadsThem()
    {
        var ring = new MemcachedRing(Servers);

        int[] counts = [.. Keys.CountBy(key => ring.PlaceOf(key)).Select(pair => pair.Value)];

        Assert.Equal(3, counts.Length);
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void PlaceOf_OtherOrder_IsTheSameServer()
    {
        var ring = new MemcachedRing(Servers);
        MemcachedAddress[] turned = [Servers[2], Servers[0], Servers[1]];
        var other = new MemcachedRing(turned);

        Assert.All(Keys, key => Assert.Equal(Servers[ring.PlaceOf(key)], turned[other.PlaceOf(key)]));
    }

    [Fact]
    public void PlaceOf_AServerMore_MovesKeysToItAlone()
    {
        var ring = new MemcachedRing(Servers[..2]);
        var larger = new MemcachedRing(Servers);

        Assert.All(Keys, key => Assert.True(larger.PlaceOf(key) == 2 || larger.PlaceOf(key) == ring.PlaceOf(key)));
    }

    // Gateways of different versions share servers: where a key is must not change.
    [Fact]
    public void PlaceOf_KnownKeys_StaysAsItIs()
    {
        var ring = new MemcachedRing(Servers);

        Assert.Equal("212010002201210210002220", string.Concat(Keys.Take(24).Select(key => ring.PlaceOf(key))));
    }
}
