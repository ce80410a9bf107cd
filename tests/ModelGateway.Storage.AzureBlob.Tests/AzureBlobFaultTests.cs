using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Faults;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

/// <summary>The emulator behind a network that fails.</summary>
[Collection(AzuriteCollection.Name)]
public sealed class AzureBlobFaultTests(AzuriteServer azurite) : IAsyncLifetime
{
    private static readonly byte[] Content = CreateContent();

    private readonly TestContainer _container = new(azurite);
    private readonly FakeTimeProvider _time = new();
    private FaultProxy _proxy = null!;
    private StoreHarness _harness = null!;
    private IObjectStore _store = null!;
    private StoredObject _model;

    public async Task InitializeAsync()
    {
        await _container.CreateAsync();
        await _container.WriteAsync("models/iris/1/model.onnx", Content);
        _proxy = await FaultProxy.StartAsync(new Uri(new Uri(azurite.Endpoint).GetLeftPart(UriPartial.Authority)));
        _harness = new StoreHarness(("Endpoint", new Uri(_proxy.Address, AzuriteServer.Account).AbsoluteUri), ("AccountKey", AzuriteServer.AccountKey));
        _store = new AzureBlobObjectStoreProvider().Open(new Uri(_container.Location), _harness.Context with { Time = _time });
        _model = (await _store.FindAsync("iris/1/model.onnx", CancellationToken.None))!.Value;
    }

    public async Task DisposeAsync() => await _proxy.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(700_000)]
    public async Task CopyRangeAsync_ConnectionEndsMidway_LeavesARightPrefixAndIsNotRepeated(int after)
    {
        foreach (Fault fault in new Fault[] { new Truncate(after), new Truncate(after, Unseen: true), new Cut(after) })
        {
            _proxy.Choose = _ => fault;
            using var copy = new MemoryStream();

            Exception? failure = await Record.ExceptionAsync(() => _store.CopyRangeAsync(_model, 1000, 2_000_000, copy, CancellationToken.None));

            // A reset may take the head of the answer with it: then there was no answer, and the SDK asks again.
            Assert.True(failure is IOException, $"{fault}: {failure}");
            Assert.Equal(Content[1000..(1000 + (int)copy.Length)], copy.ToArray());
            Assert.True(fault is Cut || copy.Length == after || fault is Truncate { Unseen: true, AtBytes: 0 }, $"{fault}: {copy.Length}");
        }

        Assert.InRange((await _harness.RequestsAsync()).Where(count => count.Key.StartsWith("get ", StringComparison.Ordinal)).Sum(count => count.Value), 3, 5);
    }

    [Fact]
    public async Task CopyRangeAsync_ResumedAfterACut_IsWhole()
    {
        using var copy = new MemoryStream();
        _proxy.Choose = request => request.Method == "GET" ? new Truncate(1_000_000) : null;
        for (int attempts = 0; copy.Length < Content.Length && attempts < 10; attempts++)
        {
            await Record.ExceptionAsync(() => _store.CopyRangeAsync(_model, copy.Length, Content.Length - copy.Length, copy, CancellationToken.None));
        }

        Assert.Equal(Content, copy.ToArray());
        Assert.Equal(3, (await _harness.RequestsAsync())["get success"]);
    }

    [Fact]
    public async Task CopyRangeAsync_NothingArrives_GivesUp()
    {
        _proxy.Choose = _ => new Hang();
        Task copy = _store.CopyRangeAsync(_model, 0, 10, Stream.Null, CancellationToken.None);
        await _proxy.WaitForRequestAsync(request => request.Method == "GET");

        _time.Advance(TimeSpan.FromSeconds(30));

        IOException exception = await Assert.ThrowsAsync<IOException>(() => copy);
        Assert.Contains("nothing arrived for 30 seconds", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyRangeAsync_BodyStalls_GivesUp()
    {
        var stalls = new TaskCompletionSource();
        _proxy.Choose = _ => new Slow(1000, cancellationToken =>
        {
            stalls.TrySetResult();
            return Task.Delay(Timeout.Infinite, cancellationToken);
        });
        using var arrived = new SignalledStream();
        Task copy = _store.CopyRangeAsync(_model, 0, 2_000, arrived, CancellationToken.None);
        await stalls.Task;
        await arrived.Written;
        // The wait for the next byte begins a moment after the write: until then there is no time to pass.
        while (!copy.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        Assert.Contains("nothing arrived", (await Assert.ThrowsAsync<IOException>(() => copy)).Message, StringComparison.Ordinal);
        Assert.Equal(1000, arrived.Length);
        Assert.Equal(1, (await _harness.RequestsAsync())["get success"]);
    }

    [Fact]
    public async Task CopyRangeAsync_CancelledMidway_Stops()
    {
        using var cancel = new CancellationTokenSource();
        _proxy.Choose = _ => new Slow(1000, async cancellationToken =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _store.CopyRangeAsync(_model, 0, 2_000, Stream.Null, cancel.Token));
    }

    [Fact]
    public async Task ListAsync_BusyOnce_IsRepeatedAndCounted()
    {
        int before = _proxy.Requests.Count;
        _proxy.Choose = request => request.Number == before + 1 ? new Status(503, Error("ServerBusy"), "application/xml") : null;

        Assert.Single((await _store.ListAsync(null, CancellationToken.None))!.Objects);

        IReadOnlyDictionary<string, int> requests = await _harness.RequestsAsync();
        Assert.Equal((1, 1), (requests["list error"], requests["list success"]));
    }

    [Fact]
    public async Task ListAsync_BusyAllTheTime_GivesUpAfterThreeRequests()
    {
        _proxy.Choose = _ => new Status(503, Error("ServerBusy"), "application/xml");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(null, CancellationToken.None));

        Assert.Contains($"'{_container.Location}' cannot be listed: the account 'devstoreaccount1' answers 503 ServerBusy.", exception.Message, StringComparison.Ordinal);
        Assert.Equal(3, (await _harness.RequestsAsync())["list error"]);
    }

    [Fact]
    public async Task ListAsync_NoBlobService_SaysSo()
    {
        _proxy.Choose = _ => new Status(200, "<html><p>Welcome", "text/html");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(null, CancellationToken.None));

        Assert.Contains("not a blob service", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyRequest_ServerVanishesAndReappears_FailsAndThenWorks()
    {
        await _proxy.VanishAsync();
        IOException list = await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(null, CancellationToken.None));
        IOException find = await Assert.ThrowsAsync<IOException>(() => _store.FindAsync("iris/1/model.onnx", CancellationToken.None));
        IOException copy = await Assert.ThrowsAsync<IOException>(() => _store.CopyRangeAsync(_model, 0, 10, Stream.Null, CancellationToken.None));
        Assert.All([list, find, copy], exception => Assert.Contains("cannot be reached: Connection refused", exception.Message, StringComparison.Ordinal));

        await _proxy.ReappearAsync();

        Assert.Single((await _store.ListAsync(null, CancellationToken.None))!.Objects);
    }

    [Fact]
    public async Task ListAsync_EmulatorRestarted_HasItsBlobsAgain()
    {
        await azurite.StopAsync();
        await azurite.StartAsync();

        Assert.Equal(_model, Assert.Single((await _store.ListAsync(null, CancellationToken.None))!.Objects));
    }

    [Theory]
    [InlineData(403, "AuthorizationPermissionMismatch", "it is not permitted (403 AuthorizationPermissionMismatch)")]
    [InlineData(403, "KeyBasedAuthenticationNotPermitted", "the account does not take keys")]
    [InlineData(403, "AuthorizationFailure", "the account's firewall")]
    [InlineData(403, "AuthenticationFailed", "the sign-in is refused (403 AuthenticationFailed)")]
    [InlineData(403, "AccountIsDisabled", "is disabled")]
    [InlineData(404, "ContainerNotFound", "there is no container")]
    [InlineData(409, "ContainerBeingDeleted", "is being deleted")]
    [InlineData(400, "OutOfRangeInput", "answers 400 OutOfRangeInput")]
    public async Task ListAsync_Refused_NamesTheCauseAndTheRemedy(int status, string code, string expected)
    {
        _proxy.Choose = _ => new Status(status, Error(code), "application/xml");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(null, CancellationToken.None));

        Assert.Contains(expected, exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("<EnumerationResults/>")]
    [InlineData("<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body>Log in</body></html>")]
    [InlineData("<Blobs/>")]
    public async Task ListAsync_OtherXml_IsNoEmptyContainer(string answer)
    {
        _proxy.Choose = _ => new Status(200, answer, "application/xml");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(null, CancellationToken.None));

        Assert.Contains("the answer is no listing", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyRangeAsync_ArchivedBlob_SaysSo()
    {
        _proxy.Choose = _ => new Status(409, Error("BlobArchived"), "application/xml");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => _store.CopyRangeAsync(_model, 0, 10, Stream.Null, CancellationToken.None));

        Assert.Contains("archive tier", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_AccountThatDoesNotExist_SaysThatItsAddressCannotBeResolved()
    {
        var harness = new StoreHarness(("Endpoint", "https://no-such-account.invalid"), ("AccountKey", AzuriteServer.AccountKey));
        IObjectStore store = harness.Open(new AzureBlobObjectStoreProvider(), _container.Location);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Contains("'devstoreaccount1' cannot be resolved", exception.Message, StringComparison.Ordinal);
    }

    private static string Error(string code) => $"<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>Told by the test.</Message></Error>";

    private static byte[] CreateContent()
    {
        byte[] content = new byte[2_500_000];
        new Random(1).NextBytes(content);
        return content;
    }

    /// <summary>Tells when the first bytes are in.</summary>
    private sealed class SignalledStream : MemoryStream
    {
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Written => _written.Task;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            _written.TrySetResult();
        }
    }
}
