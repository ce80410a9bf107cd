using System.Buffers;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Caching.Memcached.Tests;

/// <summary>What this store does beyond the contract of all, against real servers.</summary>
public sealed class MemcachedPredictionStoreTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly CancellationToken _deadline = new CancellationTokenSource(Patience).Token;
    private readonly List<IAsyncDisposable> _used = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("memcached-").FullName;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable used in _used.AsEnumerable().Reverse())
        {
            await used.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task SetAsync_ValueOverTheLimit_IsRefusedBeforeItIsSent()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "MaxValueBytes=100");

        await store.SetAsync(NewKey(), new byte[100], Long, _deadline);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => store.SetAsync(NewKey(), new byte[101], Long, _deadline).AsTask());
    }

    [Fact]
    public async Task SetAsync_ValueOverTheServersLimit_FailsAloneAndNamesIt()
    {
        MemcachedServer server = await StartAsync("-I", "512k");
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "Connections=1");
        PredictionKey key = NewKey();

        Task large = store.SetAsync(NewKey(), new byte[600_000], Long, _deadline).AsTask();
        Task small = store.SetAsync(key, new byte[] { 1 }, Long, _deadline).AsTask();

        Assert.Contains("too large", (await Assert.ThrowsAsync<IOException>(() => large)).Message, StringComparison.Ordinal);
        await small;
        Assert.Equal([1], await GetAsync(store, key));
    }

    [Fact]
    public async Task GetAsync_ValueOverTheLimit_IsNull()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore large = await OpenAsync($"Servers={server.Address}");
        IPredictionStore small = await OpenAsync($"Servers={server.Address}", "MaxValueBytes=1000");
        PredictionKey key = NewKey();
        await large.SetAsync(key, new byte[1001], Long, _deadline);

        Assert.Null(await GetAsync(small, key));
    }

    [Fact]
    public async Task SetAsync_ServerFull_EvictsAndNeverFails()
    {
        MemcachedServer server = await StartAsync("-m", "4");
        IPredictionStore store = await OpenAsync($"Servers={server.Address}");
        PredictionKey[] keys = [.. Enumerable.Range(0, 400).Select(_ => NewKey())];

        foreach (PredictionKey key in keys)
        {
            await store.SetAsync(key, new byte[50_000], Long, _deadline);
        }

        Assert.Null(await GetAsync(store, keys[0]));
        Assert.NotNull(await GetAsync(store, keys[^1]));
    }

    [Fact]
    public async Task SetAsync_ServerFullAndMayNotEvict_Fails()
    {
        MemcachedServer server = await StartAsync("-m", "4", "-M");
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "Connections=1");
        PredictionKey first = NewKey();
        await store.SetAsync(first, new byte[50_000], Long, _deadline);

        IOException failure = await Assert.ThrowsAsync<IOException>(async () =>
        {
            for (int index = 0; index < 400; index++)
            {
                await store.SetAsync(NewKey(), new byte[50_000], Long, _deadline);
            }
        });

        Assert.Contains("out of memory", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(await GetAsync(store, first));
    }

    [Fact]
    public async Task GetAsync_ManyOnOneConnection_NeverMixesThem()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "Connections=1");
        PredictionKey[] keys = [.. Enumerable.Range(0, 64).Select(_ => NewKey())];
        byte[][] values = [.. keys.Select((_, index) => RandomNumberGenerator.GetBytes(index % 8 == 0 ? 150_000 : 10 + index * 17))];

        await Task.WhenAll(Enumerable.Range(0, 48).Select(worker => Task.Run(async () =>
        {
            for (int turn = 0; turn < 100; turn++)
            {
                int index = (worker * 31 + turn * 7) % keys.Length;
                using var leaving = new CancellationTokenSource();
                switch ((worker + turn) % 4)
                {
                    case 0:
                        await store.SetAsync(keys[index], values[index], Long, _deadline);
                        break;
                    case 1:
                        // Some leave: their answers are nobody else's.
                        ValueTask<IMemoryOwner<byte>?> left = store.GetAsync(keys[index], leaving.Token);
                        await leaving.CancelAsync();
                        try
                        {
                            (await left)?.Dispose();
                        }
                        catch (OperationCanceledException)
                        {
                        }

                        break;
                    default:
                        byte[]? value = await GetAsync(store, keys[index]);
                        Assert.True(value is null || value.AsSpan().SequenceEqual(values[index]), "It got a value of another key.");
                        break;
                }
            }
        })));
    }

    [Fact]
    public async Task GetAsync_ServerPaused_IsGivenUpAndComesBack()
    {
        MemcachedServer server = await StartAsync();
        var log = new LogLines();
        IPredictionStore store = await OpenAsync(log, $"Servers={server.Address}");
        PredictionKey key = NewKey();
        await store.SetAsync(key, new byte[] { 1 }, Long, _deadline);

        // Each of the two connections is given up by a call without a token; then there is none to wait on.
        server.Pause();
        await FailsUntilAsync(store, key, "not connected");
        server.Resume();
        await AnswersAsync(store);

        Assert.Equal([1], await GetAsync(store, key));
        Assert.Contains(log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains(server.Address, StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.EndsWith("is back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task OnEpochChanged_ServerBackAfterAKill_SaysThatAllMayHaveChanged()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = StoreSettings.Open($"Servers={server.Address}", "Connections=1");
        _used.Add(store);
        var changed = new TaskCompletionSource<string?>();
        store.OnEpochChanged(scope => changed.TrySetResult(scope));
        await AnswersAsync(store);
        await store.SetEpochAsync("iris", 1, _deadline);
        Assert.False(changed.Task.IsCompleted);

        await server.KillAsync();
        await server.RestartAsync();

        Assert.Null(await changed.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task OnEpochChanged_ServerComesLate_SaysThatAllMayHaveChanged()
    {
        MemcachedServer server = await StartAsync();
        await server.KillAsync();
        IPredictionStore store = StoreSettings.Open($"Servers={server.Address}", "Connections=1");
        _used.Add(store);
        var changed = new TaskCompletionSource<string?>();
        store.OnEpochChanged(scope => changed.TrySetResult(scope));
        for (string reason = ""; !reason.Contains("refused", StringComparison.Ordinal);)
        {
            reason = (await Assert.ThrowsAsync<IOException>(() => store.ProbeAsync(_deadline).AsTask())).Message;
        }

        await server.RestartAsync();

        Assert.Null(await changed.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task GetAsync_TwoServers_EachKeyIsOnOne()
    {
        (MemcachedServer first, MemcachedServer second) = (await StartAsync(), await StartAsync());
        IPredictionStore store = await OpenAsync($"Servers={first.Address},{second.Address}");
        IPredictionStore turned = await OpenAsync($"Servers={second.Address},{first.Address}");
        IPredictionStore onlyFirst = await OpenAsync($"Servers={first.Address}");
        IPredictionStore onlySecond = await OpenAsync($"Servers={second.Address}");
        PredictionKey[] keys = [.. Enumerable.Range(0, 64).Select(_ => NewKey())];
        foreach (PredictionKey key in keys)
        {
            await store.SetAsync(key, new byte[] { 1 }, Long, _deadline);
        }

        bool[] onFirst = [.. (await GetManyAsync(onlyFirst, keys)).Select(value => value is not null)];
        bool[] onSecond = [.. (await GetManyAsync(onlySecond, keys)).Select(value => value is not null)];

        Assert.All(await GetManyAsync(turned, keys), value => Assert.Equal([1], value));
        Assert.Equal(onFirst, onSecond.Select(there => !there));
        Assert.InRange(onFirst.Count(there => there), 1, 63);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetEpochsAsync_OneOfTwoServersAway_GivesThoseOfTheOther(bool hangs)
    {
        (MemcachedServer kept, MemcachedServer away) = (await StartAsync(), await StartAsync());
        IPredictionStore store = await OpenAsync($"Servers={kept.Address},{away.Address}");
        IPredictionStore onlyKept = await OpenAsync($"Servers={kept.Address}");
        string[] scopes = [.. Enumerable.Range(0, 32).Select(number => $"model-{number}")];
        await EventuallyAsync(async () => (await store.GetEpochsAsync(scopes, 7, _deadline)).All(epoch => epoch == 7));
        bool[] onKept = [.. (await onlyKept.GetEpochsAsync(scopes, 9, _deadline)).Select(epoch => epoch == 7)];
        if (hangs)
        {
            away.Pause();
        }
        else
        {
            await away.KillAsync();
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        IReadOnlyList<long?> epochs = await store.GetEpochsAsync(scopes, 8, deadline.Token);

        Assert.Equal(onKept, epochs.Select(epoch => epoch == 7));
        Assert.Equal(onKept, epochs.Select(epoch => epoch is not null));
        Assert.InRange(onKept.Count(there => there), 1, 31);
        await kept.KillAsync();
        using var last = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<Exception>(() => store.GetEpochsAsync(scopes, 8, last.Token).AsTask());
        if (hangs)
        {
            away.Resume();
        }
    }

    [Fact]
    public async Task AnyCall_OneOfTwoServersGone_FailsForItsKeysAlone()
    {
        (MemcachedServer kept, MemcachedServer gone) = (await StartAsync(), await StartAsync());
        IPredictionStore store = await OpenAsync($"Servers={kept.Address},{gone.Address}");
        IPredictionStore onlyKept = await OpenAsync($"Servers={kept.Address}");
        PredictionKey[] keys = [.. Enumerable.Range(0, 64).Select(_ => NewKey())];
        foreach (PredictionKey key in keys)
        {
            // Both must be connected to by now.
            await EventuallyAsync(async () => await SucceedsAsync(store.SetAsync(key, new byte[] { 1 }, Long, _deadline)));
        }

        bool[] onKept = [.. (await GetManyAsync(onlyKept, keys)).Select(value => value is not null)];
        await gone.KillAsync();

        bool[] succeeded = new bool[keys.Length];
        for (int index = 0; index < keys.Length; index++)
        {
            succeeded[index] = await SucceedsAsync(GetAsync(store, keys[index]));
        }

        Assert.Equal(onKept, succeeded);
        Assert.Equal(onKept, (await GetManyAsync(store, keys)).Select(value => value is not null));
        await Assert.ThrowsAsync<IOException>(() => GetManyAsync(store, [.. keys.Where((_, index) => !onKept[index])]));
        await store.ProbeAsync(_deadline);
    }

    [Fact]
    public async Task GetEpochsAsync_ItemIsNoNumber_IsSetAnew()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = await OpenAsync($"Servers={server.Address}");
        Assert.Equal("HD", await AskAsync(server, "ms modelgateway:1:e:iris 5 T0\r\nhello\r\n"));

        IReadOnlyList<long?> set = await store.GetEpochsAsync(["iris", "iris/1"], 7, _deadline);
        IReadOnlyList<long?> kept = await store.GetEpochsAsync(["iris", "iris/1"], 9, _deadline);

        Assert.Equal([7L, 7L], set);
        Assert.Equal([7L, 7L], kept);
    }

    [Theory]
    [InlineData("iris 1")]
    [InlineData("iris\r\nflush_all")]
    [InlineData("ä")]
    public async Task SetEpochAsync_ScopeThatNoKeyCanHold_IsRefused(string scope)
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = await OpenAsync($"Servers={server.Address}");

        await Assert.ThrowsAsync<ArgumentException>(() => store.SetEpochAsync(scope, 1, _deadline).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => store.GetEpochsAsync([scope], 1, _deadline).AsTask());
    }

    [Fact]
    public async Task Open_OtherPrefix_SeesNothingOfIt()
    {
        MemcachedServer server = await StartAsync();
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "KeyPrefix=" + new string('p', 64));
        IPredictionStore other = await OpenAsync($"Servers={server.Address}");
        PredictionKey key = NewKey();
        string scope = new('s', 160);

        await store.SetAsync(key, new byte[] { 1 }, Long, _deadline);
        await store.SetEpochAsync(scope, 1, _deadline);

        Assert.Equal([1], await GetAsync(store, key));
        Assert.Null(await GetAsync(other, key));
        Assert.Equal(2, Assert.Single(await other.GetEpochsAsync([scope], 2, _deadline)));
    }

    [Theory]
    [InlineData("Password=geheim")]
    [InlineData("PasswordFile={file}")]
    public async Task Open_ServerWantsAUser_ShowsThePassword(string password)
    {
        MemcachedServer server = await StartAsync("-Y", await WriteAsync("users", "gateway:geheim\n"));
        string file = await WriteAsync("password", "geheim\n");
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "Username=gateway", password.Replace("{file}", file, StringComparison.Ordinal));
        PredictionKey key = NewKey();

        await store.SetAsync(key, new byte[] { 1 }, Long, _deadline);

        Assert.Equal([1], await GetAsync(store, key));
    }

    [Theory]
    [InlineData("Gateway:Cache:Memcached:Username")]
    [InlineData("refuses", "Username=gateway", "Password=geheimer")]
    public async Task Open_ServerRefusesTheUser_SaysSoWithoutThePassword(string expected, params string[] settings)
    {
        MemcachedServer server = await StartAsync("-Y", await WriteAsync("users", "gateway:geheim\n"));
        var log = new LogLines();
        IPredictionStore store = new MemcachedPredictionStoreProvider().Open(StoreSettings.Of([$"Servers={server.Address}", .. settings]), log);
        _used.Add(store);

        await FailsUntilAsync(store, NewKey(), expected);

        Assert.Contains(log.Lines, line => line.Contains(expected, StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains("geheim", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Open_ServerWantsNoUser_NeverGetsThePassword()
    {
        await using var server = new ScriptedMemcached(numbers => $"EN O{numbers[0]}\r\n");
        IPredictionStore store = StoreSettings.Open($"Servers={server.Address}", "Username=gateway", "Password=geheim");
        _used.Add(store);

        await EventuallyAsync(async () => await SucceedsAsync(GetAsync(store, NewKey())));

        Assert.DoesNotContain(server.Lines, line => line.Contains("geheim", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Open_Tls_BelievesTheAuthorityAlone()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        MemcachedServer server = await StartAsync(
            "-Z", "-o", $"ssl_chain_cert={await WriteAsync("chain.pem", certificate.ExportCertificatePem())},ssl_key={await WriteAsync("key.pem", Exportable(key))}");
        string trusted = await WriteAsync("authority.pem", authority.ExportCertificatePem());
        IPredictionStore store = await OpenAsync($"Servers={server.Address}", "Tls=true", $"CertificateAuthorityFile={trusted}");
        IPredictionStore distrusting = StoreSettings.Open($"Servers={server.Address}", "Tls=true");
        _used.Add(distrusting);
        PredictionKey first = NewKey();
        byte[] value = RandomNumberGenerator.GetBytes(500_000);

        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => store.SetAsync(NewKey(), value, Long, _deadline).AsTask())));
        await store.SetAsync(first, value, Long, _deadline);

        byte[]? kept = await GetAsync(store, first);
        Assert.True(value.AsSpan().SequenceEqual(kept));
        await FailsUntilAsync(distrusting, first, "certificate");
    }

    [Fact]
    public async Task GetAsync_GarbageAnswer_FailsAndIsConnectedAnew()
    {
        int answers = 0;
        await using var server = new ScriptedMemcached(numbers => Interlocked.Increment(ref answers) == 1 ? "What?\r\n" : $"VA 2 O{numbers[0]}\r\nok\r\n");
        IPredictionStore store = StoreSettings.Open($"Servers={server.Address}", "Connections=1");
        _used.Add(store);
        byte[]? value = null;

        await FailsUntilAsync(store, NewKey(), "none of Memcached's");
        await EventuallyAsync(async () => await SucceedsAsync(Task.Run(async () => value = await GetAsync(store, NewKey()))));

        Assert.Equal("ok"u8.ToArray(), value);
        Assert.Equal(2, server.Connections);
    }

    [Fact]
    public async Task GetAsync_ServerOfAnotherKind_SaysSo()
    {
        await using NginxServer web = await NginxServer.StartAsync();
        IPredictionStore store = StoreSettings.Open($"Servers=127.0.0.1:{web.Address.Port}");
        _used.Add(store);

        await FailsUntilAsync(store, NewKey(), "none of Memcached's");
    }

    [Fact]
    public async Task GetManyAsync_ConnectionCutAfterSomeAnswers_GivesThose()
    {
        await using var server = new ScriptedMemcached(numbers => $"VA 1 O{numbers[0]}\r\na\r\nVA 9 O{numbers[1]}\r\nb~", gathers: 3);
        IPredictionStore store = StoreSettings.Open($"Servers={server.Address}", "Connections=1");
        _used.Add(store);
        await EventuallyAsync(() => Task.FromResult(!server.Lines.IsEmpty));
        byte[]?[]? values = null;

        await EventuallyAsync(async () => await SucceedsAsync(Task.Run(async () => values = await GetManyAsync(store, [NewKey(), NewKey(), NewKey()]))));

        Assert.Equal(["a"u8.ToArray(), null, null], values!);
    }

    private async Task<MemcachedServer> StartAsync(params string[] arguments)
    {
        MemcachedServer server = await MemcachedServer.StartAsync(arguments);
        _used.Add(server);
        return server;
    }

    private Task<IPredictionStore> OpenAsync(params string[] settings) => OpenAsync(new LogLines(), settings);

    private async Task<IPredictionStore> OpenAsync(ILoggerFactory loggers, params string[] settings)
    {
        IPredictionStore store = new MemcachedPredictionStoreProvider().Open(StoreSettings.Of(settings), loggers);
        _used.Add(store);
        await AnswersAsync(store);
        return store;
    }

    private async Task AnswersAsync(IPredictionStore store) => await EventuallyAsync(async () => await SucceedsAsync(store.ProbeAsync(_deadline)));

    // Until it fails for this reason; before that it may fail for others, such as not being connected yet, or answer.
    private async Task FailsUntilAsync(IPredictionStore store, PredictionKey key, string reason) => await EventuallyAsync(async () =>
    {
        try
        {
            await GetAsync(store, key);
            return false;
        }
        catch (IOException exception)
        {
            return exception.Message.Contains(reason, StringComparison.Ordinal);
        }
    });

    private async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            await Task.Delay(10, _deadline);
        }
    }

    private async Task<string> WriteAsync(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        await File.WriteAllTextAsync(path, content);
        return path;
    }

    private async Task<byte[]?> GetAsync(IPredictionStore store, PredictionKey key)
    {
        using IMemoryOwner<byte>? value = await store.GetAsync(key, _deadline);
        return value?.Memory.ToArray();
    }

    private async Task<byte[]?[]> GetManyAsync(IPredictionStore store, PredictionKey[] keys)
    {
        IReadOnlyList<IMemoryOwner<byte>?> values = await store.GetManyAsync(keys, _deadline);
        byte[]?[] copies = [.. values.Select(value => value?.Memory.ToArray())];
        foreach (IMemoryOwner<byte>? value in values)
        {
            value?.Dispose();
        }

        return copies;
    }

    private static Task<bool> SucceedsAsync(ValueTask call) => SucceedsAsync(call.AsTask());

    private static async Task<bool> SucceedsAsync(Task call)
    {
        try
        {
            await call;
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static async Task<string> AskAsync(MemcachedServer server, string command)
    {
        using var client = new TcpClient("127.0.0.1", server.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(command));
        using var input = new StreamReader(client.GetStream());
        return (await input.ReadLineAsync())!;
    }

    private static PredictionKey NewKey() => new(RandomNumberGenerator.GetBytes(PredictionKey.Size));

    // A key that came by PKCS 12 is exported only with a password, or through its parameters.
    private static string Exportable(ECDsa key)
    {
        using ECDsa copy = ECDsa.Create(key.ExportParameters(includePrivateParameters: true));
        return copy.ExportPkcs8PrivateKeyPem();
    }

    /// <summary>All that is logged, as level and message.</summary>
    private sealed class LogLines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel} {formatter(state, exception)}");

        public void Dispose()
        {
        }
    }
}
