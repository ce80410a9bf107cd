using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>A folder and a bucket at once, in one name space.</summary>
public sealed class SeveralRepositoriesTests : IDisposable
{
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;
    private readonly RepositoryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Fact]
    public async Task Refresh_BucketOffersTheFoldersModel_ConflictNamesBothAndWhatAnsweredGoesOn()
    {
        await using PublishedS3 bucket = await PublishedS3.StartAsync("models", "live");
        await bucket.PublishAsync("other", 1, TestModels.AddConstant(10));
        _folder.AddVersion("team.adder", 1, TestModels.AddConstant(1));
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, new Dictionary<string, string?>(bucket.Settings)
        {
            ["Repositories__0__Uri"] = _folder.Root,
            ["Repositories__1__Uri"] = bucket.Location,
            ["Repositories__1__NamePrefix"] = "team.",
        });
        await gateway.WaitForAsync("team.adder", 1, 1);
        await gateway.WaitForAsync("team.other", 1, 10);

        await bucket.PublishAsync("adder", 1, TestModels.AddConstant(20));
        Assert.Equal([bucket.Location], await gateway.RefreshAsync(bucket.Notify("adder", 1)));
        await gateway.WaitUntilAsync(async () => await gateway.ReasonAsync("team.adder", 1) is { Length: > 0 }, () => "No conflict is shown");
        string? reason = await gateway.ReasonAsync("team.adder", 1);
        Assert.Contains(bucket.Location, reason, StringComparison.Ordinal);
        Assert.Contains(new Uri(_folder.Root).AbsoluteUri, reason, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync("team.adder"));

        // Nothing new of it is loaded, while the other models of both go on changing.
        _folder.AddVersion("team.adder", 2, TestModels.AddConstant(2));
        await bucket.PublishAsync("other", 2, TestModels.AddConstant(11));
        await gateway.RefreshAsync("{}");
        await gateway.WaitForAsync("team.other", 2, 11);
        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync("team.adder"));

        await bucket.DeleteAsync("adder/1/model.onnx");
        await gateway.RefreshAsync(bucket.Notify("adder", 1));
        await gateway.WaitForAsync("team.adder", 2, 2);
        JsonElement entry = await gateway.EntryAsync("team.adder", 2);
        Assert.Equal(("READY", ""), (entry.GetProperty("state").GetString(), entry.GetProperty("reason").GetString()));
    }
}
