using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.TestKit;

// Parts of objects, and what copies count.
public abstract partial class ObjectStoreContract
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 3_000_000)]
    [InlineData(1, 1_000_000)]
    [InlineData(2_999_999, 1)]
    [InlineData(3_000_000, 0)]
    public async Task CopyRangeAsync_PartOfAnObject_CopiesThoseBytes(int offset, int count)
    {
        byte[] content = Content(3_000_000);
        await WriteAsync("iris/1/model.onnx", content);
        StoredObject listed = Assert.Single(await ListAsync());
        if (!Store.SupportsRanges)
        {
            return;
        }

        using var destination = new MemoryStream();
        await Store.CopyRangeAsync(listed, offset, count, destination, CancellationToken.None);

        Assert.Equal(content[offset..(offset + count)], destination.ToArray());
    }

    [Fact]
    public async Task CopyRangeAsync_ChangedSinceListed_IsObjectChanged()
    {
        await WriteAsync("iris/1/model.onnx", Content(100));
        StoredObject listed = Assert.Single(await ListAsync());
        if (!Store.SupportsRanges || !TellsChangedParts)
        {
            return;
        }

        await WriteAsync("iris/1/model.onnx", Content(100, seed: 2));

        await Assert.ThrowsAsync<ObjectChangedException>(() => Store.CopyRangeAsync(listed, 10, 20, Stream.Null, CancellationToken.None));
    }

    [Fact]
    public async Task Copies_WholeAndPart_CountTheBytesThatArrive()
    {
        if (Harness is null)
        {
            return;
        }

        await WriteAsync("iris/1/model.onnx", Content(300_000));
        StoredObject listed = Assert.Single(await ListAsync());

        // An index is content too, where the store reads one to list.
        long before = await Harness.ReceivedBytesAsync();
        await CopyAsync(listed);
        Assert.Equal(before + 300_000, await Harness.ReceivedBytesAsync());

        if (Store.SupportsRanges)
        {
            await Store.CopyRangeAsync(listed, 1000, 70_000, Stream.Null, CancellationToken.None);
            Assert.Equal(before + 370_000, await Harness.ReceivedBytesAsync());
        }
    }
}
