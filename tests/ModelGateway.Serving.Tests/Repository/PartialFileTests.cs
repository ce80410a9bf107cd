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

        string notes = Directory.GetFiles(_folder, "id-*.pieces").Single();
        string[] lines = File.ReadAllLines(notes);
        File.WriteAllLines(notes, [firstLine.Length > 0 ? firstLine : lines[0], .. lines[1..]]);

        using PartialFile goneOn = PartialFile.Open(_folder, "id", 8, 4, static _ => false);
        Assert.Equal(isBelieved, goneOn.IsDone(0));
    }

    [Fact]
    public void Open_SomebodyIsAtIt_BeginsAnotherAndWhoFinishesFirstRemovesWhatTheOtherLeft()
    {
        PartialFile first = PartialFile.Open(_folder, "id", 8, 4, static _ => false);
        using PartialFile other = PartialFile.Open(_folder, "id-2", 8, 4, static _ => false);
        using (PartialFile second = PartialFile.Open(_folder, "id", 8, 4, static _ => false))
        {
            second.Write(0, [1, 2, 3, 4]);
        }

        first.Write(0, [1, 2, 3, 4, 5, 6, 7, 8]);
        string finished = first.Finish();

        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], File.ReadAllBytes(finished));
        Assert.Equal([finished], Directory.GetFiles(_folder, "id-*").Where(file => !Path.GetFileName(file).StartsWith("id-2", StringComparison.Ordinal)));
        Assert.Equal(2, Directory.GetFiles(_folder, "id-2-*").Length);
    }

    [Fact]
    public void Finish_AllWasWrittenLongAgo_HasTheFile()
    {
        using (PartialFile partial = PartialFile.Open(_folder, "id", 4, 4, static _ => false))
        {
            partial.Write(0, [1, 2, 3, 4]);
            var checksum = new PieceChecksum();
            checksum.Append([1, 2, 3, 4]);
            partial.Complete(0, checksum.Value);
        }

        File.SetLastWriteTimeUtc(Directory.GetFiles(_folder, "id-*.part").Single(), DateTime.UtcNow - TimeSpan.FromHours(2));
        PartialFile goneOn = PartialFile.Open(_folder, "id", 4, 4, static _ => false);
        Assert.True(goneOn.IsDone(0));

        string finished = goneOn.Finish();

        Assert.Equal([1, 2, 3, 4], File.ReadAllBytes(finished));
    }

    [Fact]
    public void Open_NameThatAnEarlierVersionGave_IsGoneOnWith()
    {
        using (PartialFile partial = PartialFile.Open(_folder, "id", 8, 4, static _ => false))
        {
            partial.Write(0, [1, 2, 3, 4]);
            var checksum = new PieceChecksum();
            checksum.Append([1, 2, 3, 4]);
            partial.Complete(0, checksum.Value);
        }

        foreach (string file in Directory.GetFiles(_folder))
        {
            File.Move(file, Path.Combine(_folder, "id" + Path.GetExtension(file)));
        }

        using PartialFile goneOn = PartialFile.Open(_folder, "id", 8, 4, static _ => false);
        Assert.True(goneOn.IsDone(0));
    }

    /// <summary>What other processes have not listed yet they take for leftovers: whoever opens a download must not lose it to that.</summary>
    [Fact]
    public async Task Finish_OtherProcessesRemoveLeftoversAllTheTime_HasTheFile()
    {
        using var stop = new CancellationTokenSource();

        // More of them than cores, so that they are interrupted anywhere.
        Task[] others = [.. Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    PartialFile.RemoveAll(_folder, static (_, _) => false);
                }
            },
            TaskCreationOptions.LongRunning))];
        try
        {
            for (int i = 0; i < 300; i++)
            {
                byte[] content = BitConverter.GetBytes(i);
                PartialFile partial = PartialFile.Open(_folder, $"id{i % 2}", content.Length, content.Length, static _ => false);
                partial.Write(0, content);
                partial.Complete(0, 0);

                string finished = partial.Finish();

                Assert.Equal(content, Read(finished));
                File.Delete(finished);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(others);
        }
    }

    // Whoever looked for leftovers may hold the lock of a file that has just been finished for a moment.
    private static byte[] Read(string file)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return File.ReadAllBytes(file);
            }
            catch (IOException exception) when (exception is not FileNotFoundException && attempt < 1000)
            {
                Thread.Sleep(1);
            }
        }
    }
}
