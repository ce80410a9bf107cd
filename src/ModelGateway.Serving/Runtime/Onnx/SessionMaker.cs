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

    /// <summary>Has something made; it must not throw.</summary>
    public static void Post(Action make)
    {
        lock (Waiting)
        {
            Waiting.Enqueue(make);
            Monitor.Pulse(Waiting);
        }
    }

    private static void Work()
    {
        while (true)
        {
            Action? make;
            lock (Waiting)
            {
                while (!Waiting.TryDequeue(out make))
                {
                    Monitor.Wait(Waiting);
                }
            }

            make();
        }
    }
}
