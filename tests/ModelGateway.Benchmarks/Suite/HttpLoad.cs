namespace ModelGateway.Benchmarks.Suite;

/// <summary>A server under wrk's load.</summary>
/// <param name="name">For the table.</param>
/// <param name="server">The server.</param>
/// <param name="payload">What it is sent, again and again.</param>
/// <param name="connections">How many, each with one request at a time.</param>
/// <param name="pause">Between an answer and the next request of a connection.</param>
internal sealed class HttpLoad(string name, Server server, Payload payload, int connections, TimeSpan pause = default) : Contender(name)
{
    public override async Task<Sample> MeasureAsync(double seconds)
    {
        TimeSpan processor = ProcessTree.ProcessorTime(server.ProcessId);
        long allocated = await AllocatedAsync();
        Wrk.Slice slice = await Wrk.SendAsync(server.Address, payload, connections, seconds, pause);
        if (slice.Requests == 0)
        {
            // On an overloaded machine a second may be too short for the first answer; it counts as what it is.
            return new Sample(0, double.NaN, double.NaN, double.NaN, slice.Failures);
        }

        return new Sample(
            slice.RequestsPerSecond,
            (ProcessTree.ProcessorTime(server.ProcessId) - processor).TotalMicroseconds / slice.Requests,
            slice.P99.TotalMilliseconds,
            server.Allocations is null ? double.NaN : (await AllocatedAsync() - allocated) / (double)slice.Requests,
            slice.Failures);
    }

    public override async Task<float[]?> AnswerAsync() => (await Answer.AskAsync(server.Address, payload)).Values;

    private async Task<long> AllocatedAsync() => server.Allocations is { } pipe ? await AllocationProbe.ReadAsync(pipe) : 0;
}
