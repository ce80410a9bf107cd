using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class PartialFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("partial-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("", true)]
    [InlineData("4", false)]
    [InlineData("4 another-kind", false)]
    [InlineData("8 crc32c-4", false)]
    public void Open_NotesOfAnotherVersion_AreNotBelieved(string firstLine, bool isBelieved)
    {
        using (PartialFile partial = PartialFile.Open(_folder, "id", 8, 4, static _ => false))
        {
            partial.Write(0, [1, 2, 3, 4]);
            var checksum = new PieceChecksum();
            checksum.Append([1, 2, 3, 4]);
            partial.Complete(0, checksum.Value);
        }

        string notes = Path.Combine(_folder, "id.pieces");
        string[] lines = File.ReadAllLines(notes);
        File.WriteAllLines(notes, [firstLine.Length > 0 ? firstLine : lines[0], .. lines[1..]]);

        using PartialFile goneOn = PartialFile.Open(_folder, "id", 8, 4, static _ => false);
        Assert.Equal(isBelieved, goneOn.IsDone(0));
    }

    /// <summary>What another process has not listed yet it takes for leftovers: whoever opens a download must not lose it to that.</summary>
    [Fact]
    public async Task Finish_AnotherProcessRemovesLeftoversAllTheTime_HasTheFile()
    {
        using var stop = new CancellationTokenSource();
        Task other = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                PartialFile.RemoveAll(_folder, static (_, _) => false);
            }
        });
        try
        {
            for (int i = 0; i < 3000; i++)
            {
                byte[] content = BitConverter.GetBytes(i);
                PartialFile partial = PartialFile.Open(_folder, $"id{i % 2}", content.Length, content.Length, static _ => false);
                partial.Write(0, content);
                partial.Complete(0, 0);

                string finished = partial.Finish();

                Assert.Equal(content, await File.ReadAllBytesAsync(finished));
                File.Delete(finished);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await other;
        }
    }
}
