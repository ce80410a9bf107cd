using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class CacheEconomyTests
{
    private static readonly TimeSpan Tiny = TimeSpan.FromMicroseconds(5);
    private static readonly TimeSpan Look = TimeSpan.FromMicroseconds(2);
    private readonly CacheEconomy _economy = new();

    [Fact]
    public void ShouldLook_CheapModelThatNeverHits_SoonLooksOneTimeInThirtyTwo()
    {
        Serve(requests: 10_000, cost: Tiny, hits: static _ => false);

        Assert.Equal(1000 / CacheEconomy.SampledEvery, Looks(1000), 1.0);
    }

    [Fact]
    public void ShouldLook_CheapModelThatMostlyHits_AlwaysLooks()
    {
        Serve(requests: 10_000, cost: Tiny, hits: static request => request % 4 != 0);

        Assert.Equal(1000, Looks(1000));
    }

    [Fact]
    public void ShouldLook_CostlyModelThatNeverHits_AlwaysLooks()
    {
        Serve(requests: 10_000, cost: TimeSpan.FromMilliseconds(1), hits: static _ => false);

        Assert.Equal(1000, Looks(1000));
    }

    [Fact]
    public void ShouldLook_HitsBeginAfterALongTimeWithout_ComesBack()
    {
        Serve(requests: 10_000, cost: Tiny, hits: static _ => false);

        Serve(requests: 200_000, cost: Tiny, hits: static _ => true);

        Assert.Equal(1000, Looks(1000));
    }

    // The first look after a start is compiled while it is measured.
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(4)]
    public void ShouldLook_FirstLookWasSlowAndMostHit_NeverPassesBy(int missEvery)
    {
        _economy.CountRun(Tiny);
        _economy.CountMiss(TimeSpan.FromMilliseconds(20));
        for (int request = 1; request < 10_000; request++)
        {
            Assert.True(_economy.ShouldLook(), $"Request {request} passes by.");
            if (request % missEvery == 0)
            {
                _economy.CountRun(Tiny);
                _economy.CountMiss(Look);
            }
            else
            {
                _economy.CountHit();
            }
        }
    }

    [Fact]
    public void ShouldAskStore_OnlyWhereARunCostsMoreThanTheTrip()
    {
        Assert.True(_economy.ShouldAskStore(TimeSpan.FromMicroseconds(50)), "Nobody knows yet what a run costs.");

        _economy.CountRun(TimeSpan.FromMicroseconds(40));
        Assert.False(_economy.ShouldAskStore(TimeSpan.FromMicroseconds(50)));
        Assert.True(_economy.ShouldAskStore(TimeSpan.FromMicroseconds(30)));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(10, true)]
    public void ShouldAskStore_AFewInTenHit_OnlyWhereWhatTheySaveIsMoreThanTheTrip(int hitsInTen, bool asks)
    {
        TimeSpan trip = TimeSpan.FromMicroseconds(50);
        _economy.CountRun(trip * 4);

        for (int i = 0; i < 1000; i++)
        {
            _economy.CountStore(i % 10 < hitsInTen);
        }

        Assert.Equal(asks ? 320 : 320 / CacheEconomy.SampledEvery, Asks(320, trip));
    }

    [Fact]
    public void ShouldAskStore_HitsBeginAfterALongTimeWithout_ComesBack()
    {
        TimeSpan trip = TimeSpan.FromMicroseconds(50);
        _economy.CountRun(trip * 4);
        for (int i = 0; i < 1000; i++)
        {
            _economy.CountStore(isHit: false);
        }

        for (int i = 0; i < 20_000; i++)
        {
            if (_economy.ShouldAskStore(trip))
            {
                _economy.CountStore(isHit: true);
            }
        }

        Assert.Equal(320, Asks(320, trip));
    }

    [Fact]
    public void ShouldAskStore_RowsOfOneLargeBatchWereMissed_IsNotYetAVerdict()
    {
        TimeSpan trip = TimeSpan.FromMicroseconds(50);
        _economy.CountRun(trip * 4);

        _economy.CountStore(found: 0, asked: 4096);

        Assert.Equal(320, Asks(320, trip));
    }

    [Theory]
    [InlineData(20, false)]
    [InlineData(30, true)]
    public void ShouldAskStore_EachBatchFindsSomeOfItsRows_CountsTheirShare(int foundOfHundred, bool asks)
    {
        TimeSpan trip = TimeSpan.FromMicroseconds(50);
        _economy.CountRun(trip * 4);

        for (int i = 0; i < 1000; i++)
        {
            _economy.CountStore(foundOfHundred, 100);
        }

        Assert.Equal(asks ? 320 : 320 / CacheEconomy.SampledEvery, Asks(320, trip));
    }

    [Fact]
    public void CountRun_OneSlowRunAmongMany_HardlyMovesTheMean()
    {
        for (int i = 0; i < 100; i++)
        {
            _economy.CountRun(Tiny);
        }

        _economy.CountRun(TimeSpan.FromSeconds(10));

        Assert.InRange(_economy.RunCost, Tiny, Tiny * 2);
    }

    private void Serve(int requests, TimeSpan cost, Func<int, bool> hits)
    {
        for (int request = 0; request < requests; request++)
        {
            if (!_economy.ShouldLook())
            {
                continue;
            }

            if (hits(request))
            {
                _economy.CountHit();
            }
            else
            {
                _economy.CountRun(cost);
                _economy.CountMiss(Look);
            }
        }
    }

    private int Asks(int requests, TimeSpan trip) => Enumerable.Range(0, requests).Count(_ => _economy.ShouldAskStore(trip));

    private int Looks(int requests) => Enumerable.Range(0, requests).Count(_ => _economy.ShouldLook());
}
