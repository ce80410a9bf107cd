using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Observability;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>The lines of a server that refuses many requests for load.</summary>
public sealed class RefusalLogTests
{
    private const int Sent = 200;
    private readonly FakeTimeProvider _time = new();
    private readonly Lines _lines = new();

    [Theory]
    [InlineData(nameof(RequestLogging.Errors))]
    [InlineData(nameof(RequestLogging.Sampled))]
    public async Task Refusals_ManyInASecond_AreTenLinesAndThenANumber(string requests)
    {
        using RequestFrame frame = Frame(Enum.Parse<RequestLogging>(requests));
        await RefuseAsync(frame, Sent);
        Assert.Equal(RefusalLines.ASecond, _lines.Answered(StatusCodes.Status429TooManyRequests));
        Assert.Empty(_lines.Counts);

        _time.Advance(TimeSpan.FromSeconds(1));
        await RefuseAsync(frame, 1);

        Assert.Equal(RefusalLines.ASecond + 1, _lines.Answered(StatusCodes.Status429TooManyRequests));
        Assert.Equal([Sent - RefusalLines.ASecond], _lines.Counts);
    }

    [Fact]
    public async Task Refusals_AllRequestsAreLogged_HaveALineEach()
    {
        using RequestFrame frame = Frame(RequestLogging.All);
        await RefuseAsync(frame, Sent);
        Assert.Equal(Sent, _lines.Answered(StatusCodes.Status429TooManyRequests));
        Assert.Empty(_lines.Counts);
    }

    [Fact]
    public async Task OtherErrors_AmongManyRefusals_HaveALineEach()
    {
        using RequestFrame frame = Frame(RequestLogging.Errors);
        await RefuseAsync(frame, Sent);
        await RefuseAsync(frame, Sent, StatusCodes.Status400BadRequest);
        Assert.Equal(Sent, _lines.Answered(StatusCodes.Status400BadRequest));
    }

    private static async Task RefuseAsync(RequestFrame frame, int count, int status = StatusCodes.Status429TooManyRequests)
    {
        for (int i = 0; i < count; i++)
        {
            var http = new DefaultHttpContext();
            http.Items[nameof(status)] = status;
            await frame.InvokeAsync(http);
        }
    }

    private RequestFrame Frame(RequestLogging requests)
    {
        IOptionsMonitor<GatewayOptions> options = new ServiceCollection()
            .AddOptions<GatewayOptions>().Configure(gateway => gateway.Logging.Requests = requests).Services
            .BuildServiceProvider().GetRequiredService<IOptionsMonitor<GatewayOptions>>();
        return new RequestFrame(Answer, options, new RefusalLines(_time), _lines);
    }

    private static Task Answer(HttpContext http)
    {
        http.Response.StatusCode = (int)http.Items["status"]!;
        return Task.CompletedTask;
    }

    private sealed class Lines : ILogger<RequestFrame>
    {
        private readonly List<Dictionary<string, object?>> _lines = [];

        public IEnumerable<long> Counts => _lines.Where(line => line.ContainsKey("Count")).Select(line => (long)line["Count"]!);

        public int Answered(int status) => _lines.Count(line => line.TryGetValue("Status", out object? value) && value is int written && written == status);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Add(((IReadOnlyList<KeyValuePair<string, object?>>)state!).ToDictionary(pair => pair.Key, pair => pair.Value));
    }
}
