using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public class CheckedCopyTests
{
    private static readonly byte[] Content = "ten bytes!"u8.ToArray();

    [Fact]
    public async Task RunAsync_WholeObjectAsListed_Passes()
    {
        using var destination = new MemoryStream();

        await CheckedCopy.RunAsync(Listed(Content), 0, 10, destination, async to =>
        {
            await to.WriteAsync(Content.AsMemory(0, 4));
            to.Write(Content.AsSpan(4, 3));
            to.Write(Content, 7, 3);
            await to.FlushAsync();
        });

        Assert.Equal(Content, destination.ToArray());
    }

    [Fact]
    public async Task RunAsync_WholeObjectOfOtherBytes_IsObjectChanged()
    {
        await Assert.ThrowsAsync<ObjectChangedException>(
            () => CheckedCopy.RunAsync(Listed("other one!"u8.ToArray()), 0, 10, Stream.Null, to => to.WriteAsync(Content, 0, 10)));
    }

    [Theory]
    [InlineData(0, 9, true, true)]
    [InlineData(1, 9, true, true)]
    [InlineData(0, 10, false, true)]
    [InlineData(0, 10, true, false)]
    public async Task RunAsync_NothingToCompare_LeavesItToTheCaller(int offset, int count, bool hasTag, bool hasChecksum)
    {
        StoredObject source = Listed("other one!"u8.ToArray());
        source = source with { Tag = hasTag ? source.Tag : "", Checksum = hasChecksum ? source.Checksum : null };
        using var destination = new MemoryStream();

        await CheckedCopy.RunAsync(source, offset, count, destination, to => to.WriteAsync(Content, offset, count));

        Assert.Equal(Content[offset..(offset + count)], destination.ToArray());
    }

    [Fact]
    public async Task RunAsync_CopyFails_FailsWithIt()
    {
        await Assert.ThrowsAsync<TimeoutException>(
            () => CheckedCopy.RunAsync(Listed(Content), 0, 10, Stream.Null, _ => Task.FromException(new TimeoutException())));
    }

    private static StoredObject Listed(byte[] content)
    {
        using var calculator = new ChecksumCalculator(ChecksumAlgorithm.Md5);
        calculator.Append(content);
        return new StoredObject("iris/1/model.onnx", content.Length, "tag", DateTimeOffset.UnixEpoch) { Checksum = calculator.GetChecksumAndReset() };
    }
}
