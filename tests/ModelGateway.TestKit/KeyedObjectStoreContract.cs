using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.TestKit;

/// <summary>What a store must do besides where objects are written one by one, under any key: folders, buckets, web servers.</summary>
public abstract class KeyedObjectStoreContract : ObjectStoreContract
{
    /// <summary>Whether <see cref="ObjectStoreContract.WriteAsync"/> takes any text as a key, as buckets do.</summary>
    protected virtual bool HoldsAnyName => true;

    [Fact]
    public async Task ListAsync_NestedObjects_AreListedByKeyAndSize()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        await WriteAsync("iris/1/golden/one.json", Content(3));
        await WriteAsync("iris/model.yaml", Content(5));
        await WriteAsync("README.md", Content(1));

        IReadOnlyList<StoredObject> objects = await ListAsync();

        Assert.Equal(
            [("README.md", 1), ("iris/1/golden/one.json", 3), ("iris/1/model.onnx", 10), ("iris/model.yaml", 5)],
            objects.Select(item => (item.Key, item.Size)));
    }

    [Fact]
    public async Task ListAsync_NamesThatStartWithADot_AreLeftOut()
    {
        await WriteAsync(".hidden", Content(1));
        await WriteAsync(".git/1/model.onnx", Content(1));
        await WriteAsync("iris/.trash/model.onnx", Content(1));
        await WriteAsync("iris/1/.model.onnx.part", Content(1));
        await WriteAsync("iris/1/model.onnx", Content(1));

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_OtherContentOfTheSameSize_ChangesTheTagOfThatObjectOnly()
    {
        await WriteAsync("iris/1/data.bin", Content(10));
        await WriteAsync("iris/1/model.onnx", Content(10));
        IReadOnlyList<StoredObject> before = await ListAsync();

        await WriteAsync("iris/1/model.onnx", Content(10, seed: 2));

        IReadOnlyList<StoredObject> after = await ListAsync();
        Assert.Equal(before[0].Tag, after[0].Tag);
        Assert.NotEqual(before[1].Tag, after[1].Tag);
    }

    [Fact]
    public async Task ListAsync_VersionWent_IsGoneAtOnce()
    {
        // A registry goes on showing the version before for a while.
        await WriteAsync("iris/1/model.onnx", Content(10));
        await WriteAsync("iris/2/model.onnx", Content(10));
        Assert.Equal(2, (await ListAsync()).Count);

        await DeleteAsync("iris/2/model.onnx");

        Assert.Equal("iris/1/model.onnx", Assert.Single(await ListAsync()).Key);
    }

    [Fact]
    public async Task ListAsync_NamesThatNoFolderCouldHold_AreLeftOut()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        if (HoldsAnyName)
        {
            foreach (string hostile in new[] { "../secret", "iris/../../secret", "iris/./model.onnx", "iris//model.onnx", "iris/2/", "iris\\2\\model.onnx", "C:/model.onnx" })
            {
                await WriteAsync(hostile, Content(1));
            }
        }

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    public async Task CopyToAsync_WithoutTag_CopiesWhatIsThere()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());
        await WriteAsync("iris/1/model.onnx", Content(10, seed: 2));

        Assert.Equal(Content(10, seed: 2), await CopyAsync(listed with { Tag = "" }));
    }
}
