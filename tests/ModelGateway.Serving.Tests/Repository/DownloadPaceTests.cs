using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class DownloadPaceTests : IDisposable
{
    private const int Connections = 8;
    private const double HashRate = 1e9;
    private readonly FakeTimeProvider _time = new();
    private readonly DownloadPace _pace;
    private readonly Task[] _joined;

    public DownloadPaceTests()
    {
        _pace = new DownloadPace(Connections, _time);
        _joined = [.. Enumerable.Range(0, Connections).Select(number => _pace.JoinAsync(number, CancellationToken.None))];
    }

    public void Dispose()
    {
        _pace.LetAllJoin();
        _pace.Dispose();
    }

    [Fact]
    public void JoinAsync_AtTheBeginning_LetsAFewIn() => Assert.Equal(DownloadPace.First, JoinedCount());

    [Fact]
    public async Task Arrived_AsFastAsTheHash_LeavesTheOthersOut()
    {
        Bring(DownloadPace.FirstWindow, 1.2 * HashRate);
        for (int i = 0; i < 10; i++)
        {
            Bring(DownloadPace.Window, 1.2 * HashRate);
        }

        await Task.Yield();
        Assert.Equal(DownloadPace.First, JoinedCount());
    }

    [Fact]
    public async Task Arrived_SlowConnections_LetsAllIn()
    {
        Bring(DownloadPace.FirstWindow, 0.2 * HashRate);

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task Arrived_SlowLater_LetsAllIn()
    {
        Bring(DownloadPace.FirstWindow, 1.2 * HashRate);
        Bring(DownloadPace.Window, 1.2 * HashRate);
        Assert.Equal(DownloadPace.First, JoinedCount());

        // Half a second of it, not the seconds that a whole window would take.
        Bring((int)(0.1 * HashRate * DownloadPace.LongestWindow.TotalSeconds) + 1, 0.1 * HashRate);

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task Arrived_EachConnectionBringsItsShare_LetsMoreAndMoreIn()
    {
        double each = 0.3 * HashRate / DownloadPace.First * 1.1;
        Bring(DownloadPace.FirstWindow, each * DownloadPace.First);
        int before = DownloadPace.First;
        foreach (int joined in (int[])[4, 6])
        {
            await JoinedAsync(joined);

            // They still connect.
            Bring(DownloadPace.Window, each * before);
            Assert.Equal(joined, JoinedCount());
            Bring(DownloadPace.Window, each * joined);
            before = joined;
        }

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task Arrived_OneMoreBringsNothing_IsTriedAgainMuchLater()
    {
        Bring(DownloadPace.FirstWindow, 0.6 * HashRate);
        await JoinedAsync(DownloadPace.First + 1);
        for (int i = 0; i < 10; i++)
        {
            Bring(DownloadPace.Window, 0.6 * HashRate);
        }

        Assert.Equal(DownloadPace.First + 1, JoinedCount());
        Bring(DownloadPace.Window, 0.6 * HashRate);

        await JoinedAsync(DownloadPace.First + 2);
    }

    [Fact]
    public async Task Arrived_BurstAtFirst_TriesOneMoreAfterwards()
    {
        Bring(DownloadPace.FirstWindow, 1.2 * HashRate);
        Bring(DownloadPace.Window, 0.5 * HashRate);

        await JoinedAsync(DownloadPace.First + 1);
    }

    [Fact]
    public async Task Tick_NothingYet_LetsAllIn()
    {
        _time.Advance(DownloadPace.Patience);

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task Tick_HashNotSeenYet_LetsAllIn()
    {
        _pace.Arrived(1, 0);
        _pace.Arrived(DownloadPace.FirstWindow, 0);
        Assert.Equal(DownloadPace.First, JoinedCount());

        _time.Advance(DownloadPace.Patience);

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task Tick_NothingForHalfASecond_LetsAllIn()
    {
        Bring(DownloadPace.FirstWindow, 1.2 * HashRate);
        _time.Advance(DownloadPace.Patience);
        Assert.Equal(DownloadPace.First, JoinedCount());
        _pace.Arrived(1, HashRate);
        _time.Advance(DownloadPace.LongestWindow);
        Assert.Equal(DownloadPace.First, JoinedCount());

        _time.Advance(DownloadPace.LongestWindow);

        await JoinedAsync(Connections);
    }

    [Fact]
    public async Task JoinAsync_Cancelled_Ends()
    {
        using var pace = new DownloadPace(Connections, _time);
        using var cancellation = new CancellationTokenSource();
        Task join = pace.JoinAsync(Connections - 1, cancellation.Token);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join);
        pace.LetAllJoin();
    }

    [Theory]
    [InlineData(false, DownloadPace.First)]
    [InlineData(true, Connections)]
    public async Task FetchAsync_LargeObject_TakesTheConnectionsItIsWorth(bool isLate, int expected)
    {
        const int PieceBytes = 1 << 18;
        using var folder = new RepositoryFolder();
        folder.AddVersion("iris", 1, new byte[100 * PieceBytes]);
        var store = new BreakingObjectStore(new FileObjectStore(folder.Root));
        var allThere = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        store.OnCopy = async () =>
        {
            int number = Interlocked.Increment(ref begun);
            if (isLate && number == DownloadPace.First)
            {
                _time.Advance(DownloadPace.Patience);
            }

            if (number == expected)
            {
                allThere.SetResult();
            }

            await allThere.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await Task.Yield();
        };
        string root = Path.Combine(Path.GetTempPath(), $"cache-{Guid.NewGuid():n}");
        try
        {
            using var cache = new ArtifactCache(root, new ArtifactCacheOptions { Parallelism = Connections, PieceBytes = PieceBytes }, metrics: null, _time);
            var repository = new ModelRepository(new FileObjectStore(folder.Root), TimeSpan.Zero, TimeProvider.System);
            RepositoryListing listing = await repository.ScanAsync("iris", CancellationToken.None);
            using ModelArtifact artifact = await cache.FetchAsync(listing.Models["iris"].Versions[0] with { Store = store }, CancellationToken.None);

            Assert.Equal(100 * PieceBytes, artifact.SizeBytes);
            Assert.Equal(expected, store.MostUnderWay);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private int JoinedCount() => _joined.Count(task => task.IsCompletedSuccessfully);

    private async Task JoinedAsync(int count)
    {
        await Task.WhenAll(_joined.Take(count)).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(count, JoinedCount());
    }

    private void Bring(int bytes, double rate)
    {
        // The first bytes of a download start the clock.
        _pace.Arrived(0, HashRate);
        _time.Advance(TimeSpan.FromSeconds(bytes / rate));
        _pace.Arrived(bytes, HashRate);
    }
}
