using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// The thread on which further sessions of models that serve already are made, one after the other. It is there from the beginning: runs go on on nice threads, and what
/// a nice thread starts is nice as well (<see cref="ThreadNiceness"/>).
/// </summary>
internal static class SessionMaker
{
    private static readonly Queue<Action> Waiting = new();
    private static bool _isStarted;

    /// <summary>Starts the thread unless it is there. Not on a nice thread.</summary>
    public static void Start()
    {
        lock (Waiting)
        {
            if (!_isStarted)
            {
                _isStarted = true;
                new Thread(Work) { IsBackground = true, Name = "session-maker" }.Start();
            }
        }
    }

    /// <summary>Has something made. What it throws is lost.</summary>
    public static void Post(Action make)
    {
        lock (Waiting)
        {
            Waiting.Enqueue(make);
            Monitor.Pulse(Waiting);
        }
    }

    /// <summary>Waits until what was posted so far is made or given up.</summary>
    /// <returns>False where it took longer.</returns>
    public static bool WaitUntilDone(TimeSpan patience)
    {
        var done = new TaskCompletionSource();
        Post(done.SetResult);
        return done.Task.Wait(patience);
    }

    [SuppressMessage("Design", "CA1031", Justification = "What one model's session throws must not end the process, nor the making of others.")]
    private static void Work()
    {
        while (true)
        {
            Action make = Next();
            try
            {
                make();
            }
            catch (Exception)
            {
                // It has told whom it had to.
            }
        }
    }

    private static Action Next()
    {
        lock (Waiting)
        {
            Action? next;
            while (!Waiting.TryDequeue(out next))
            {
                Monitor.Wait(Waiting);
            }

            return next;
        }
    }
}
