using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class PredictionFlightsTests
{
    private static readonly PredictionKey Key = new([.. Enumerable.Range(0, 32).Select(value => (byte)value)]);
    private readonly PredictionFlights<PredictionKey, int> _flights = new();

    [Fact]
    public async Task Enter_WhileAFlightIsUnderWay_JoinsIt()
    {
        using PredictionFlight<int> first = _flights.Enter(Key, out bool leads);
        using PredictionFlight<int> second = _flights.Enter(Key, out bool alsoLeads);

        first.Land(7);

        Assert.True(leads);
        Assert.False(alsoLeads);
        Assert.Same(first, second);
        Assert.Equal(7, await second.Landed);
    }

    [Fact]
    public async Task Land_FirstAndOthers_AllGetIt_TheFirstOnTheThreadThatLands()
    {
        using PredictionFlight<int> flight = _flights.Enter(Key, out _);
        _flights.Enter(Key, out _);
        Task<int> other = flight.Landed;
        Task<int> thread = ThreadOfAsync(flight.LandedForFirst);
        int landing = 0;
        await Task.Run(() =>
        {
            landing = Environment.CurrentManagedThreadId;
            flight.Land(7);
        });

        Assert.Equal(landing, await thread);
        Assert.Equal(7, await other);
        Assert.Equal(7, await flight.Landed);
    }

    [Fact]
    public async Task LeaveFirst_OthersWait_TheFirstGoesOnAndTheFlightToo()
    {
        using PredictionFlight<int> flight = _flights.Enter(Key, out _);
        _flights.Enter(Key, out _);

        flight.LeaveFirst(-1);

        Assert.Equal(-1, await flight.LandedForFirst);
        Assert.False(flight.Abandoned.IsCancellationRequested);
        flight.Land(7);
        Assert.Equal(7, await flight.Landed);
    }

    [Fact]
    public void IsOfFirstAlone_UntilAnotherJoins_NotWhenTheOtherIsLeftAlone()
    {
        using PredictionFlight<int> flight = _flights.Enter(Key, out _);
        Assert.True(flight.IsOfFirstAlone);

        _flights.Enter(Key, out _);
        Assert.False(flight.IsOfFirstAlone);

        flight.LeaveFirst(-1);
        Assert.Equal((1, false), (flight.Callers, flight.IsOfFirstAlone));
    }

    [Fact]
    public async Task Leave_OneOfTwo_DoesNotStopIt()
    {
        using PredictionFlight<int> flight = _flights.Enter(Key, out _);
        _flights.Enter(Key, out _);

        flight.Leave();
        Assert.False(flight.Abandoned.IsCancellationRequested);

        flight.Leave();
        await Task.Delay(Timeout.Infinite, flight.Abandoned).ContinueWith(static _ => { }, TaskScheduler.Default);
        Assert.True(flight.Abandoned.IsCancellationRequested);
    }

    [Fact]
    public void Enter_AfterAllHaveLeft_BeginsAnother_ThatTheOldOneDoesNotTakeAway()
    {
        using PredictionFlight<int> left = _flights.Enter(Key, out _);
        left.Leave();

        using PredictionFlight<int> next = _flights.Enter(Key, out bool leads);
        _flights.Remove(Key, left);
        using PredictionFlight<int> joined = _flights.Enter(Key, out bool alsoLeads);

        Assert.True(leads);
        Assert.NotSame(left, next);
        Assert.Same(next, joined);
        Assert.False(alsoLeads);
    }

    [Fact]
    public void Leave_AfterItEnded_DoesNothing()
    {
        PredictionFlight<int> flight = _flights.Enter(Key, out _);
        _flights.Remove(Key, flight);
        flight.Land(1);
        flight.Dispose();

        flight.Leave();

        Assert.Equal(0, _flights.Count);
    }

    [Fact]
    public void Enter_FromManyThreads_OneLeads()
    {
        int leaders = 0;
        Parallel.For(0, 64, _ =>
        {
            _flights.Enter(Key, out bool leads);
            Interlocked.Add(ref leaders, leads ? 1 : 0);
        });

        Assert.Equal(1, leaders);
        Assert.Equal(1, _flights.Count);
    }

    private static async Task<int> ThreadOfAsync(Task<int> task)
    {
        await task.ConfigureAwait(false);
        return Environment.CurrentManagedThreadId;
    }
}
