using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class PieceHasherTests : IDisposable
{
    private const int PieceBytes = 1000;
    private readonly string _folder = Directory.CreateTempSubdirectory("hasher-").FullName;
    private readonly byte[] _content = new byte[(9 * PieceBytes) + 1];

    public PieceHasherTests() => new Random(1).NextBytes(_content);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Finish_BytesCameInAnyOrder_IsTheHashOfTheWhole()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            using PartialFile file = Open(PieceBytes);
            using var hasher = new PieceHasher(file, ChecksumAlgorithm.Crc32C);
            long[] written = new long[file.PieceCount];
            List<int> unfinished = [.. Enumerable.Range(0, file.PieceCount)];
            while (unfinished.Count > 0)
            {
                int piece = unfinished[random.Next(unfinished.Count)];
                Write(file, hasher, piece, ref written[piece], random.Next(700));
                if (written[piece] == file.LengthOf(piece))
                {
                    unfinished.Remove(piece);
                }
            }

            AssertRight(hasher);
            file.Discard();
        }
    }

    [Fact]
    public async Task Finish_EachPieceCameByAThreadOfItsOwn_IsTheHashOfTheWhole()
    {
        for (int i = 0; i < 20; i++)
        {
            using PartialFile file = Open(PieceBytes);
            using var hasher = new PieceHasher(file, ChecksumAlgorithm.Crc32C);
            using var start = new Barrier(file.PieceCount);
            await Task.WhenAll(Enumerable.Range(0, file.PieceCount).Select(piece => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    for (long written = 0; written < file.LengthOf(piece);)
                    {
                        Write(file, hasher, piece, ref written, 7);
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)));

            AssertRight(hasher);
            file.Discard();
        }
    }

    [Fact]
    public void Restart_BytesWereOthersAtFirst_IsTheHashOfWhatIsThere()
    {
        using PartialFile file = Open(_content.Length);
        using var hasher = new PieceHasher(file, ChecksumAlgorithm.Crc32C);
        hasher.Advance(0, 100, new byte[100]);

        hasher.Restart();
        long written = 0;
        Write(file, hasher, 0, ref written, 50);
        Write(file, hasher, 0, ref written, _content.Length);

        AssertRight(hasher);
    }

    // A download that is gone on with: the first piece was damaged, all others are there.
    [Fact]
    public void Finish_FirstPieceCameLast_IsTheHashOfTheWhole()
    {
        using PartialFile file = Open(PieceBytes);
        using var hasher = new PieceHasher(file, ChecksumAlgorithm.Crc32C);
        file.Write(0, _content);
        for (int piece = 1; piece < file.PieceCount; piece++)
        {
            hasher.Note(piece, file.LengthOf(piece));
            hasher.CatchUp(CancellationToken.None);
        }

        long written = 0;
        while (written < PieceBytes)
        {
            Write(file, hasher, 0, ref written, 300);
        }

        AssertRight(hasher);
    }

    // Who is in the middle of a piece must not read gigabytes of others while its store waits.
    [Fact]
    public void Advance_OthersAreReadyBehindIt_LeavesThemToWhoHasFinished()
    {
        using PartialFile file = Open(PieceBytes);
        using var hasher = new PieceHasher(file, null);
        file.Write(0, _content);
        hasher.Note(1, PieceBytes);
        hasher.Advance(0, PieceBytes, _content.AsSpan(0, PieceBytes));
        for (int piece = 2; piece < file.PieceCount; piece++)
        {
            hasher.Advance(piece, file.LengthOf(piece), _content.AsSpan((int)file.OffsetOf(piece), (int)file.LengthOf(piece)));
        }

        Assert.Throws<InvalidOperationException>(() => hasher.Finish());
        hasher.CatchUp(CancellationToken.None);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(_content)), hasher.Finish().Sha256);
    }

    [Fact]
    public void CatchUp_Cancelled_ReadsNoFurther()
    {
        using PartialFile file = Open(PieceBytes);
        using var hasher = new PieceHasher(file, null);
        file.Write(0, _content);
        hasher.Note(0, PieceBytes);
        Assert.Throws<OperationCanceledException>(() => hasher.CatchUp(new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Restart_OfSeveralPieces_IsRefused()
    {
        using PartialFile file = Open(PieceBytes);
        using var hasher = new PieceHasher(file, null);
        Assert.Throws<InvalidOperationException>(hasher.Restart);
    }

    [Fact]
    public void Finish_PieceIsMissing_Throws()
    {
        using PartialFile file = Open(PieceBytes);
        using var hasher = new PieceHasher(file, null);
        for (int piece = 1; piece < file.PieceCount; piece++)
        {
            long written = 0;
            Write(file, hasher, piece, ref written, PieceBytes);
        }

        Assert.Throws<InvalidOperationException>(() => hasher.Finish());
    }

    private PartialFile Open(long pieceBytes) => PartialFile.Open(_folder, "id", _content.Length, pieceBytes, _ => false);

    private void Write(PartialFile file, PieceHasher hasher, int piece, ref long written, int count)
    {
        ReadOnlySpan<byte> bytes = _content.AsSpan((int)(file.OffsetOf(piece) + written), (int)Math.Min(count, file.LengthOf(piece) - written));
        file.Write(file.OffsetOf(piece) + written, bytes);
        written += bytes.Length;
        hasher.Advance(piece, written, bytes);
        if (written == file.LengthOf(piece))
        {
            hasher.CatchUp(CancellationToken.None);
        }
    }

    private void AssertRight(PieceHasher hasher)
    {
        using var checksum = new ChecksumCalculator(ChecksumAlgorithm.Crc32C);
        checksum.Append(_content);
        Assert.Equal((Convert.ToHexStringLower(SHA256.HashData(_content)), checksum.GetChecksumAndReset()), hasher.Finish());
    }
}
