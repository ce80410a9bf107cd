using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>A clock that moves from pause to pause of the one who waits on it, and never before it waits.</summary>
internal sealed class SteppedTime() : FakeTimeProvider(DateTimeOffset.UtcNow)
{
    // Long enough for a busy machine: who waits this long waits for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Channel<TimeSpan> _pauses = Channel.CreateUnbounded<TimeSpan>();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        _pauses.Writer.TryWrite(dueTime);
        return timer;
    }

    /// <summary>The pause that begins next; waits until somebody waits.</summary>
    public async Task<TimeSpan> NextPauseAsync() => await _pauses.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>Waits until somebody waits, and lets his pause pass.</summary>
    public async Task<TimeSpan> StepAsync()
    {
        TimeSpan pause = await NextPauseAsync();
        Advance(pause);
        return pause;
    }
}
