using ModelGateway.Serving.Lifecycle;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Who holds something, and who is the last one out.</summary>
public sealed class HolderCountTests
{
    [Fact]
    public void LetGo_NobodyHolds_IsTheLastOne()
    {
        var holders = new HolderCount();

        Assert.True(holders.IsZero);
        Assert.True(holders.LetGo());
        Assert.False(holders.TryEnter(out bool isLast));
        Assert.False(isLast);
    }

    [Fact]
    public void Leave_AfterTheOwnerLetGo_OnlyTheLastIsTold()
    {
        var holders = new HolderCount();
        Assert.True(holders.TryEnter(out _));
        Assert.True(holders.TryEnter(out _));
        Assert.False(holders.IsZero);

        Assert.False(holders.LetGo());
        Assert.False(holders.TryEnter(out _));
        Assert.False(holders.Leave());
        Assert.True(holders.Leave());
    }

    [Fact]
    public void EnterAgain_AfterTheOwnerLetGo_IsTakenAndCounts()
    {
        var holders = new HolderCount();
        Assert.True(holders.TryEnter(out _));
        Assert.False(holders.LetGo());

        holders.EnterAgain();
        Assert.False(holders.Leave());
        Assert.False(holders.IsZero);
        Assert.True(holders.LeaveAgain());
    }

    [Fact]
    public void LeaveAgain_BeforeTheOneWhoHandedItOn_IsNotTheLast()
    {
        var holders = new HolderCount();
        Assert.True(holders.TryEnter(out _));
        holders.EnterAgain();
        Assert.False(holders.LetGo());

        Assert.False(holders.LeaveAgain());
        Assert.True(holders.Leave());
    }

    [Fact]
    public void Leave_WhileTheOwnerHolds_TellsNobody()
    {
        var holders = new HolderCount();
        Assert.True(holders.TryEnter(out _));

        Assert.False(holders.Leave());
        Assert.True(holders.IsZero);
    }

    [Fact]
    public async Task Leave_OnAnotherThreadThanItCameOn_CountsAllTheSame()
    {
        var holders = new HolderCount();
        for (int i = 0; i < 100; i++)
        {
            await Task.Run(() => Assert.True(holders.TryEnter(out _)));
            await Task.Factory.StartNew(() => Assert.False(holders.Leave()), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        Assert.True(holders.IsZero);
        Assert.True(holders.LetGo());
    }

    [Fact]
    public void Note_Times_TheLatestIsKept()
    {
        var holders = new HolderCount();
        holders.Note(5);
        holders.Note(7);

        Assert.Equal(7, holders.LastNoted);
    }

    [Fact]
    public void LetGo_UnderLoad_OneIsTheLastAndNobodyHoldsAnyMore()
    {
        for (int round = 0; round < 300; round++)
        {
            var holders = new HolderCount();
            int told = 0;
            int inside = 0;
            int insideWhenTold = 0;
            using var start = new Barrier(4);
            Thread[] users = [.. Enumerable.Range(0, 3).Select(_ => new Thread(Use))];
            Array.ForEach(users, user => user.Start());
            start.SignalAndWait();
            Thread.SpinWait(round * 20);
            Tell(holders.LetGo());
            Array.ForEach(users, user => user.Join());

            Assert.Equal((1, 0), (told, insideWhenTold));

            void Use()
            {
                start.SignalAndWait();
                while (holders.TryEnter(out bool isLast) || isLast)
                {
                    if (isLast)
                    {
                        Tell(isLast: true);
                        return;
                    }

                    Interlocked.Increment(ref inside);
                    holders.EnterAgain();
                    Tell(holders.Leave());
                    Thread.SpinWait(5);
                    Interlocked.Decrement(ref inside);
                    Tell(holders.LeaveAgain());
                }
            }

            void Tell(bool isLast)
            {
                if (isLast)
                {
                    insideWhenTold += Volatile.Read(ref inside);
                    Interlocked.Increment(ref told);
                }
            }
        }
    }
}
