using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Finding what a caller asks for, and saying what is wrong where it is not there.</summary>
public sealed class ServableManagerLookupTests : IDisposable
{
    private readonly ServingHarness _serving = new(new FakeRuntime());

    public void Dispose() => _serving.Dispose();

    [Theory]
    [InlineData("irsi", "There is no model 'irsi'. Did you mean 'iris'?")]
    [InlineData("IRIS", "There is no model 'IRIS'. Did you mean 'iris'?")]
    [InlineData("something else", "There is no model 'something else'.")]
    [InlineData("", "There is no model ''.")]
    [InlineData("../iris", "There is no model '../iris'.")]
    public async Task TryAcquire_UnknownModel_SuggestsOnlyWhatIsClose(string model, string message)
    {
        await AddAsync("iris", 1);

        PredictError error = _serving.Refusal(model);

        Assert.Equal((PredictErrorKind.UnknownModel, message), (error.Kind, error.Message));
        Assert.Null(error.RetryAfter);
    }

    [Fact]
    public async Task TryAcquire_UnknownModel_SuggestsNoNameThatTheCallerMayNotKnow()
    {
        await AddAsync("iris", 1);
        await AddAsync("irisx", 1);

        Assert.EndsWith("Did you mean 'iris'?", _serving.Refusal("iri", null, name => name == "iris").Message, StringComparison.Ordinal);
        Assert.Equal("There is no model 'iri'.", _serving.Refusal("iri", null, _ => false).Message);
    }

    [Fact]
    public async Task TryAcquire_VeryLongName_IsCutInTheMessage()
    {
        await AddAsync("iris", 1);

        Assert.InRange(_serving.Refusal(new string('x', 100_000)).Message.Length, 1, 300);
        Assert.InRange(_serving.Refusal("iris", new string('x', 100_000)).Message.Length, 1, 300);
    }

    [Theory]
    [InlineData("2", "The model 'iris' has no version 2. It has 1, 3.")]
    [InlineData("0", "The model 'iris' has no version 0. It has 1, 3.")]
    [InlineData("stabel", "The model 'iris' has no version or label 'stabel'. Did you mean 'stable'? Its labels are 'gone', 'stable'.")]
    [InlineData("-1", "The model 'iris' has no version or label '-1'. Its labels are 'gone', 'stable'.")]
    [InlineData("99999999999999999999", "The model 'iris' has no version or label '99999999999999999999'. Its labels are 'gone', 'stable'.")]
    [InlineData("gone", "The model 'iris' has no version 7, to which its label 'gone' points. It has 1, 3.")]
    public async Task TryAcquire_UnknownVersionOrLabel_SaysWhatThereIs(string version, string message)
    {
        _serving.Folder.AddConfig("iris", "labels: {stable: 1, gone: 7}");
        await AddAsync("iris", 1);
        await AddAsync("iris", 3);

        PredictError error = _serving.Refusal("iris", version);

        Assert.Equal((PredictErrorKind.UnknownVersion, message), (error.Kind, error.Message));
    }

    [Fact]
    public async Task TryAcquire_ModelWithoutLabels_SaysSo()
    {
        await AddAsync("iris", 1);

        Assert.Equal("The model 'iris' has no version or label 'stable'. It has no labels.", _serving.Refusal("iris", "stable").Message);
    }

    [Fact]
    public async Task TryAcquire_VersionThatThePolicyLeavesOut_IsNotReadyAndSaysWhy()
    {
        await AddAsync("iris", 1);
        await AddAsync("iris", 2);

        PredictError error = _serving.Refusal("iris", "1");

        Assert.Equal(PredictErrorKind.NotReady, error.Kind);
        Assert.NotNull(error.RetryAfter);
    }

    [Fact]
    public async Task TryAcquire_FolderWithoutVersions_IsNotReadyYet()
    {
        _serving.Folder.AddConfig("iris", "description: x");
        await _serving.ScanAsync();

        PredictError error = _serving.Refusal("iris");

        Assert.Equal((PredictErrorKind.NotReady, "The model 'iris' has no versions yet."), (error.Kind, error.Message));
        Assert.Equal("The model 'iris' has no version 1. It has no versions.", _serving.Refusal("iris", "1").Message);
    }

    [Fact]
    public async Task TryAcquire_DefaultVersion_IsTheNewestReady()
    {
        _serving.Folder.AddConfig("iris", "version_policy: all");
        await AddAsync("iris", 1);
        await AddAsync("iris", 10);
        await AddAsync("iris", 9);

        using ServableHandle handle = _serving.Acquire("iris");

        Assert.Equal(10, handle.Servable.Id.Version);
    }

    [Fact]
    public async Task Find_WhileModelsAreTakenIn_NeverFailsAndNeverGoesBack()
    {
        // Readers take no lock: they must never see a slot that is being filled.
        using var stop = new CancellationTokenSource();
        Task[] readers = [.. Enumerable.Range(0, 2).Select(reader => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                for (int i = 0; i < 100; i++)
                {
                    _ = _serving.Manager.Find($"model-{i}")?.Versions.Count;
                    _ = _serving.Manager.Check(new ModelSpec($"model-{i}"), null);
                }
            }
        }))];
        for (int i = 0; i < 100; i++)
        {
            _serving.Folder.WriteFile($"model-{i}", 1, "model.onnx", [1]);
        }

        await _serving.ScanAsync();
        Assert.All(Enumerable.Range(0, 100), i => Assert.Single(_serving.Manager.Find($"model-{i}")!.Versions));
        await _serving.SettleAsync();
        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }

    private async Task AddAsync(string model, long version)
    {
        _serving.Add(model, version, [1]);
        await _serving.ScanAndSettleAsync();
    }
}
