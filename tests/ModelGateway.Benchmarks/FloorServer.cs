using System.Buffers;
using System.IO.Pipelines;

namespace ModelGateway.Benchmarks;

/// <summary>What Kestrel alone can do: reads the body to its end and returns the same bytes as the gateway. Runs in a process of its own.</summary>
internal static class FloorServer
{
    private const string Json = "application/json";

    /// <summary>Serves until the process is killed.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="answerFile">The bytes that it returns.</param>
    /// <param name="headers">The headers besides their length, as <c>Name: value</c>; none for those of JSON.</param>
    public static async Task<int> RunAsync(string address, string answerFile, params string[] headers)
    {
        await Build(address, await File.ReadAllBytesAsync(answerFile), headers: headers).RunAsync();
        return 0;
    }

    /// <summary>The server, not yet started.</summary>
    /// <param name="address">Where it will listen.</param>
    /// <param name="answer">The bytes that it returns.</param>
    /// <param name="services">More services.</param>
    /// <param name="run">Done for each request when its body is read; null for nothing.</param>
    /// <param name="headers">The headers besides their length.</param>
    public static WebApplication Build(string address, byte[] answer, Action<IServiceCollection>? services = null, Action? run = null, params string[] headers)
    {
        Dictionary<string, string> fields = headers.Select(header => header.Split(": ", 2)).ToDictionary(parts => parts[0], parts => parts[1]);
        string type = fields.Remove("Content-Type", out string? given) ? given : Json;
        (string Name, string Value)[] others = [.. fields.Select(field => (field.Key, field.Value))];
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

            run?.Invoke();
            http.Response.ContentType = type;
            foreach ((string name, string value) in others)
            {
                http.Response.Headers[name] = value;
            }

            http.Response.ContentLength = answer.Length;
            http.Response.BodyWriter.Write(answer);
            await http.Response.BodyWriter.FlushAsync();
        });
        return app;
    }
}
