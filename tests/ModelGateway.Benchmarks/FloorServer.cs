using System.Buffers;
using System.IO.Pipelines;

namespace ModelGateway.Benchmarks;

/// <summary>What Kestrel alone can do: reads the body to its end and returns the same bytes as the gateway. Runs in a process of its own.</summary>
internal static class FloorServer
{
    public static async Task<int> RunAsync(string address, string answerFile)
    {
        await Build(address, await File.ReadAllBytesAsync(answerFile)).RunAsync();
        return 0;
    }

    /// <summary>The server, not yet started.</summary>
    public static WebApplication Build(string address, byte[] answer, Action<IServiceCollection>? services = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(address);
        services?.Invoke(builder.Services);
        WebApplication app = builder.Build();
        app.Run(async http =>
        {
            PipeReader body = http.Request.BodyReader;
            while (true)
            {
                ReadResult read = await body.ReadAsync();
                body.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    break;
                }
            }

            http.Response.ContentType = "application/json";
            http.Response.ContentLength = answer.Length;
            http.Response.BodyWriter.Write(answer);
            await http.Response.BodyWriter.FlushAsync();
        });
        return app;
    }
}
