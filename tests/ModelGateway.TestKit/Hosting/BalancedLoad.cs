using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// Clients that predict one after the other, with a short pause, over kept connections, until they are stopped: now something that was asked before, now
/// something new. The models are those of <c>TestModels.AddConstant(version)</c>, so that each answer proves the version that it names.
/// </summary>
public sealed class BalancedLoad : IAsyncDisposable
{
    private const int Repeated = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(3);

    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentDictionary<(string Model, long Version), long> _answers = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _client;
    private readonly string[] _models;
    private readonly Task _running;
    private long _unique = 1_000;
    private long _sentAgain;

    private BalancedLoad(Uri address, int clients, string[] models)
    {
        _models = models;
        _client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) };
        _running = Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => AskAsync(new Random(client)))));
    }

    /// <summary>What was not answered, or wrongly: the status and body, or the exception.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>Right answers so far.</summary>
    public long Answered => _answers.Values.Sum();

    /// <summary>
    /// Requests that clients sent a second time because their kept connection ended without a byte of an answer: as nginx ends idle ones at a reload,
    /// even if a request is on its way on one.
    /// </summary>
    public long SentAgain => Interlocked.Read(ref _sentAgain);

    /// <summary>Starts clients.</summary>
    /// <param name="address">The balancer.</param>
    /// <param name="clients">Their number.</param>
    /// <param name="models">The models' names.</param>
    public static BalancedLoad Start(Uri address, int clients, params string[] models) => new(address, clients, models);

    /// <summary>Right answers of a version so far.</summary>
    public long AnsweredBy(string model, long version) => _answers.GetValueOrDefault((model, version));

    /// <summary>Ends when what was asked is answered.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        _client.Dispose();
    }

    private async Task AskAsync(Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            string model = _models[random.Next(_models.Length)];

            // Whole numbers up to 2^24 are exact in an answer.
            long x = random.Next(2) == 0 ? random.Next(Repeated) : Interlocked.Increment(ref _unique);
            try
            {
                if (await AskTwiceAsync(model, x) is { } wrong)
                {
                    _failures.Enqueue($"{model}: {wrong}");
                }
            }
            catch (Exception exception)
            {
                _failures.Enqueue($"{model}: {exception}");
            }

            await Task.Delay(Pause);
        }
    }

    private async Task<string?> AskTwiceAsync(string model, long x)
    {
        try
        {
            return await AskAsync(model, x);
        }
        catch (HttpRequestException exception) when (exception is { StatusCode: null, InnerException: IOException, HttpRequestError: not HttpRequestError.ConnectionError })
        {
            Interlocked.Increment(ref _sentAgain);
            return await AskAsync(model, x);
        }
    }

    private async Task<string?> AskAsync(string model, long x)
    {
        using var content = new StringContent(string.Create(CultureInfo.InvariantCulture, $$$"""{"inputs":{"x":[[{{{x}}}]]}}"""), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _client.PostAsync(new Uri($"predict/{model}", UriKind.Relative), content);
        string body = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return $"{(int)response.StatusCode} {body}";
        }

        using JsonDocument answer = JsonDocument.Parse(body);
        long version = long.Parse(answer.RootElement.GetProperty("version").GetString()!, CultureInfo.InvariantCulture);
        if (answer.RootElement.GetProperty("outputs").GetProperty("y")[0][0].GetDouble() != x + version)
        {
            return $"{x} was answered with {body}";
        }

        _answers.AddOrUpdate((model, version), 1, static (_, count) => count + 1);
        return null;
    }
}
