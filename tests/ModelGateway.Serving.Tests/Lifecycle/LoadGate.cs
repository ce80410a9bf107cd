using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Holds every load of a <see cref="FakeRuntime"/> until the test lets it go on.</summary>
internal sealed class LoadGate : IDisposable
{
    private readonly SemaphoreSlim _open = new(0);
    private volatile bool _closed;

    public LoadGate()
    {
        Runtime = new FakeRuntime { OnLoad = Load };
    }

    public FakeRuntime Runtime { get; }

    /// <summary>What each instance says that it takes up; bytes.</summary>
    public long MemoryEstimate { get; set; } = 1;

    /// <summary>From now on loads wait.</summary>
    public void Close() => _closed = true;

    /// <summary>Lets one load go on.</summary>
    public void LetOne() => _open.Release();

    /// <summary>Lets the loads that wait, and all that come, go on.</summary>
    public void Open()
    {
        _closed = false;
        _open.Release(1000);
    }

    public void Dispose() => _open.Dispose();

    private FakeInstance Load(ModelArtifact artifact, CancellationToken cancellationToken)
    {
        if (_closed)
        {
            _open.Wait(cancellationToken);
        }

        return new FakeInstance { MemoryEstimate = MemoryEstimate };
    }
}
