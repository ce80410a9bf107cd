using System.Globalization;
using System.IO.Pipes;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// Asks another .NET process how many bytes it has allocated: this assembly is loaded into it as a startup hook and answers on a named pipe, so
/// that a server needs neither code of its own for it nor a diagnostics client.
/// </summary>
internal static class AllocationProbe
{
    private const string PipeVariable = "MODELGATEWAY_BENCHMARK_PIPE";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The environment of a process that is to answer.</summary>
    /// <param name="pipe">A name that nobody else uses.</param>
    public static IEnumerable<(string Key, string Value)> Environment(string pipe) =>
        [("DOTNET_STARTUP_HOOKS", typeof(AllocationProbe).Assembly.Location), (PipeVariable, pipe)];

    /// <summary>Bytes allocated since the process began.</summary>
    public static async Task<long> ReadAsync(string pipe)
    {
        using var patience = new CancellationTokenSource(Patience);
        await using var client = new NamedPipeClientStream(".", pipe, PipeDirection.In, PipeOptions.Asynchronous);
        await client.ConnectAsync(patience.Token);
        using var reader = new StreamReader(client);
        return long.Parse(await reader.ReadToEndAsync(patience.Token), CultureInfo.InvariantCulture);
    }

    /// <summary>Answers for as long as the process lives, on a thread of its own.</summary>
    public static void Answer()
    {
        if (System.Environment.GetEnvironmentVariable(PipeVariable) is { } pipe)
        {
            new Thread(() => AnswerOn(pipe)) { IsBackground = true }.Start();
        }
    }

    private static void AnswerOn(string pipe)
    {
        while (true)
        {
            using var server = new NamedPipeServerStream(pipe, PipeDirection.Out, 1);
            server.WaitForConnection();
            using var writer = new StreamWriter(server);
            writer.Write(GC.GetTotalAllocatedBytes(precise: true).ToString(CultureInfo.InvariantCulture));
        }
    }
}
