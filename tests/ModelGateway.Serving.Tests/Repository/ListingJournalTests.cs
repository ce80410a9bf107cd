using System.Text;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Tests.Lifecycle;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class ListingJournalTests : IDisposable
{
    private const string Location = "s3://bucket/models";
    private readonly string _base = Directory.CreateTempSubdirectory("journal-").FullName;
    private readonly LogLines<ListingJournal> _log = new();

    private string Folder => Path.Combine(_base, "cache", "listings");

    public void Dispose() => Directory.Delete(_base, recursive: true);

    [Fact]
    public void Load_AfterSave_IsWhatWasSaved()
    {
        JournaledListing listing = Listing(("m/1/model.onnx", "tag"), ("m/model.yaml", "other"));
        Open().Save(Location, listing);

        JournaledListing loaded = Open().Load(Location)!;

        Assert.Equal(listing.Objects, loaded.Objects);
        Assert.Equal("description: x"u8.ToArray(), loaded.Texts["m/model.yaml"].Content);
        Assert.Equal(listing.Settled, loaded.Settled);
        Assert.Empty(_log.All);
    }

    [Fact]
    public void Load_OtherLocation_IsNothing()
    {
        Open().Save(Location, Listing(("m/1/model.onnx", "tag")));

        Assert.Null(Open().Load("s3://bucket"));
        Assert.Empty(_log.All);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"format":1}""")]
    [InlineData("""{"format":2,"location":"s3://bucket/models","objects":[],"texts":[],"settled":{}}""")]
    [InlineData("""{"format":1,"location":"s3://other","objects":[],"texts":[],"settled":{}}""")]
    [InlineData("""{"format":1,"location":"s3://bucket/models","objects":null,"texts":[],"settled":{}}""")]
    [InlineData("""{"format":1,"location":"s3://bucket/models","objects":[],"texts":[{"key":"a","tag":"","content":"!"}],"settled":{}}""")]
    public void Load_DamagedOrOfAnotherFormat_IsNothingAndIsLogged(string content)
    {
        Open().Save(Location, Listing(("m/1/model.onnx", "tag")));
        System.IO.File.WriteAllText(File(), content);

        Assert.Null(Open().Load(Location));
        Assert.Contains("is passed over", Assert.Single(_log.All), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_EveryPrefixOfAFile_IsNothingOrTheWhole()
    {
        Open().Save(Location, Listing(("m/1/model.onnx", "tag"), ("m/model.yaml", "other")));
        byte[] whole = System.IO.File.ReadAllBytes(File());
        for (int length = 0; length < whole.Length; length++)
        {
            System.IO.File.WriteAllBytes(File(), whole[..length]);
            Assert.Null(Open().Load(Location));
        }
    }

    [Fact]
    public void Load_NamesThatLeaveTheRepository_AreLeftOut()
    {
        Open().Save(Location, Listing(("../x", "t"), ("/etc/passwd", "t"), ("m/../../x", "t"), ("m/1/model.onnx", "tag")));

        Assert.Equal("m/1/model.onnx", Assert.Single(Open().Load(Location)!.Objects).Key);
    }

    [Fact]
    public void Save_NothingNew_DoesNotWrite()
    {
        ListingJournal journal = Open();
        journal.Save(Location, Listing(("b", "1"), ("a", "1")));
        System.IO.File.SetLastWriteTimeUtc(File(), DateTime.UnixEpoch);

        journal.Save(Location, Listing(("a", "1"), ("b", "1")));
        Open().Save(Location, Listing(("a", "1"), ("b", "1")));
        Assert.Equal(DateTime.UnixEpoch, System.IO.File.GetLastWriteTimeUtc(File()));

        journal.Save(Location, Listing(("a", "2"), ("b", "1")));
        Assert.NotEqual(DateTime.UnixEpoch, System.IO.File.GetLastWriteTimeUtc(File()));
        Assert.Equal("2", Open().Load(Location)!.Objects[0].Tag);
    }

    [Fact]
    public void Save_FolderGone_IsLoggedOnceAndLeavesNothing()
    {
        ListingJournal journal = Open();
        Directory.Delete(Folder);

        journal.Save(Location, Listing(("a", "1")));
        journal.Save(Location, Listing(("a", "1")));

        Assert.Contains("cannot be written", Assert.Single(_log.All), StringComparison.Ordinal);
    }

    [Fact]
    public void Save_ManyTextsOfAMegabyte_KeepsThoseThatFit()
    {
        JournaledListing listing = Listing(("a", "1")) with
        {
            Texts = Enumerable.Range(0, 20).ToDictionary(i => $"m{i:00}/model.yaml", _ => new JournaledText("t", new byte[1 << 20])),
        };

        Open().Save(Location, listing);

        Assert.Equal(16, Open().Load(Location)!.Texts.Count);
    }

    [Fact]
    public void Open_LeftoversOfKilledProcesses_GoWhenTheyAreOld()
    {
        Directory.CreateDirectory(Folder);
        string old = Path.Combine(Folder, "x.json." + Guid.NewGuid().ToString("n"));
        string young = Path.Combine(Folder, "y.json." + Guid.NewGuid().ToString("n"));
        System.IO.File.WriteAllText(old, "");
        System.IO.File.WriteAllText(young, "");
        System.IO.File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));

        string kept = Path.Combine(Folder, "z.json");
        System.IO.File.WriteAllText(kept, "");
        System.IO.File.SetLastWriteTimeUtc(kept, DateTime.UnixEpoch);

        Open();

        Assert.True(System.IO.File.Exists(kept));
        Assert.Equal((false, true), (System.IO.File.Exists(old), System.IO.File.Exists(young)));
    }

    [Fact]
    public void Open_NewFolder_IsForThisUserAlone()
    {
        Open();

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode(Folder));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode(Path.GetDirectoryName(Folder)!));
        }
    }

    private ListingJournal Open() => new(Folder, _log);

    private string File() => Assert.Single(Directory.GetFiles(Folder));

    private static JournaledListing Listing(params (string Key, string Tag)[] objects) => new(
        [.. objects.Select(item => new StoredObject(item.Key, 3, item.Tag, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero))
        {
            Checksum = new ObjectChecksum(ChecksumAlgorithm.Crc32C, "00112233"),
        })],
        new Dictionary<string, JournaledText> { ["m/model.yaml"] = new("other", Encoding.UTF8.GetBytes("description: x")) },
        new Dictionary<string, string> { ["m/1/"] = "fingerprint" });
}
