using System.Buffers;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// A file that is being downloaded piece by piece, in any order, and that can be gone on with after the process ended in the middle. Pieces
/// are written by several threads at a time, each its own.
/// </summary>
/// <remarks>
/// <code>
/// (id)-(guid).part     the bytes, at their places
/// (id)-(guid).pieces   first line: length of a piece, kind of checksum; then a line a finished piece: number, PieceChecksum of its bytes
/// (id)-(guid).new      not locked yet by who has just made it
/// (id)-(guid).done     whole, and about to be taken in
/// </code>
/// No name is used twice: who has locked a file and removes it by its name must not hit the next one of that name.
///
/// What a line says is believed only if the bytes still have that checksum: after a power cut the line may be on the disk and the
/// bytes not. <c>_pieces</c> is guarded by itself.
/// </remarks>
internal sealed class PartialFile : IDisposable
{
    private const int BufferSize = 1 << 18;
    private const string DoneSuffix = ".done";
    private const string NewSuffix = ".new";
    private const string PartSuffix = ".part";
    private const string PiecesSuffix = ".pieces";
    private const int DiskFullUnix = 28;
    private const int DiskFullWindows = unchecked((int)0x80070070);
    private const int GuidLength = 32;

    // For a name that only the process that gave it may touch, unless that is gone.
    private static readonly TimeSpan LongestInPassing = TimeSpan.FromHours(1);
    private readonly string _stem;
    private readonly long _pieceBytes;
    private readonly Func<long, bool> _makeRoom;
    private readonly SafeFileHandle _file;

    // Null where the disk does not take it: then the download cannot be gone on with later, and is no worse for it.
    private StreamWriter? _pieces;
    private readonly bool[] _done;

    // Bytes that are not written yet; fewer than that where some were written twice.
    private long _missing;

    private PartialFile(string stem, SafeFileHandle file, long size, long pieceBytes, int pieceCount, Func<long, bool> makeRoom)
    {
        _stem = stem;
        _file = file;
        Size = size;
        _missing = size;
        _pieceBytes = pieceBytes;
        _makeRoom = makeRoom;
        _done = new bool[pieceCount];
        List<string> lines = ReadPieces();
        Note(FirstLine, () => new StreamWriter(stem + PiecesSuffix, append: false) { AutoFlush = true });
        foreach (string line in lines)
        {
            Believe(line);
        }
    }

    /// <summary>Length of the whole; bytes.</summary>
    public long Size { get; }

    private string FirstLine => string.Create(CultureInfo.InvariantCulture, $"{_pieceBytes} {PieceChecksum.Kind}");

    /// <summary>Pieces, all of the same length but the last.</summary>
    public int PieceCount => _done.Length;

    /// <summary>Opens what is there of a download, or begins one.</summary>
    /// <param name="folder">Where downloads lie.</param>
    /// <param name="id">Of the object in the state in which it was listed.</param>
    /// <param name="size">Its length.</param>
    /// <param name="pieceBytes">Length of a piece; the whole size for one piece.</param>
    /// <param name="makeRoom">Asked for that many bytes when the disk is full; says whether to try again.</param>
    /// <exception cref="IOException">The disk is full, or not to be written.</exception>
    public static PartialFile Open(string folder, string id, long size, long pieceBytes, Func<long, bool> makeRoom)
    {
        int count = (int)Math.Max(1, (size + pieceBytes - 1) / pieceBytes);
        (string stem, SafeFileHandle file) = TryFind(folder, id) ?? Create(Path.Combine(folder, $"{id}-{Guid.NewGuid():n}"), size, makeRoom);
        try
        {
            return new PartialFile(stem, file, size, pieceBytes, count, makeRoom);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Removes what broke off and is no longer of use; what somebody is at stays.</summary>
    /// <param name="folder">Where downloads lie.</param>
    /// <param name="isKept">Says of an id and the time of its last change whether it stays.</param>
    public static void RemoveAll(string folder, Func<string, DateTime, bool> isKept)
    {
        foreach (FileInfo part in new DirectoryInfo(folder).EnumerateFiles())
        {
            bool isInPassing = part.Extension is DoneSuffix or NewSuffix && DateTime.UtcNow - part.LastWriteTimeUtc < LongestInPassing;
            if (isInPassing || isKept(IdOf(part.Name), part.LastWriteTimeUtc))
            {
                continue;
            }

            try
            {
                // Removed before it is let go of: who opens it meanwhile finds it locked, and who opens it afterwards does not find it.
                using FileStream leftover = new(part.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 0, FileOptions.DeleteOnClose);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Somebody is at it, or it has just gone.
            }
        }
    }

    public long OffsetOf(int piece) => piece * _pieceBytes;

    public long LengthOf(int piece) => Math.Min(_pieceBytes, Size - OffsetOf(piece));

    public bool IsDone(int piece)
    {
        lock (_done)
        {
            return _done[piece];
        }
    }

    /// <exception cref="IOException">The disk is full and no room could be made.</exception>
    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            RandomAccess.Write(_file, bytes, offset);
        }
        catch (IOException exception) when (IsDiskFull(exception) && _makeRoom(Math.Max(Interlocked.Read(ref _missing), bytes.Length)))
        {
            RandomAccess.Write(_file, bytes, offset);
        }

        Interlocked.Add(ref _missing, -bytes.Length);
    }

    /// <summary>Fills the buffer; false where the file ends before.</summary>
    public bool TryRead(long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            int read = RandomAccess.Read(_file, buffer, offset);
            if (read == 0)
            {
                return false;
            }

            offset += read;
            buffer = buffer[read..];
        }

        return true;
    }

    /// <summary>Notes that all bytes of a piece are written.</summary>
    /// <param name="piece">Its number.</param>
    /// <param name="checksum">Of its bytes.</param>
    public void Complete(int piece, uint checksum)
    {
        lock (_done)
        {
            _done[piece] = true;
            Note(string.Create(CultureInfo.InvariantCulture, $"{piece} {checksum:x8}"));
        }
    }

    /// <summary>Ends the download; the file of the returned name is the caller's.</summary>
    public string Finish()
    {
        // What was written long ago would be taken for what somebody left lying.
        File.SetLastWriteTimeUtc(_file, DateTime.UtcNow);

        // Renamed while it is still locked: another process that finds it under the old name would go on writing to it.
        string finished = _stem + DoneSuffix;
        File.Move(_stem + PartSuffix, finished);
        Dispose();
        File.Delete(_stem + PiecesSuffix);

        // What broke off in other processes at the same object.
        string id = IdOf(finished);
        RemoveAll(Path.GetDirectoryName(finished)!, (other, _) => other != id);
        return finished;
    }

    /// <summary>Ends the download and removes what there is of it.</summary>
    public void Discard()
    {
        // While it is locked, as in Finish.
        File.Delete(_stem + PartSuffix);
        File.Delete(_stem + PiecesSuffix);
        Dispose();
    }

    /// <summary>Leaves what there is to be gone on with.</summary>
    public void Dispose()
    {
        EndNotes();
        _file.Dispose();
    }

    private void Note(string line, Func<StreamWriter>? begin = null)
    {
        try
        {
            _pieces = begin is null ? _pieces : begin();
            _pieces?.WriteLine(line);
        }
        catch (IOException)
        {
            EndNotes();
        }
    }

    private void EndNotes()
    {
        StreamWriter? pieces = _pieces;
        _pieces = null;
        try
        {
            pieces?.Dispose();
        }
        catch (IOException)
        {
            // What could not be written before cannot be written now.
        }
    }

    // Null where none broke off, or all that did are others' now.
    private static (string Stem, SafeFileHandle File)? TryFind(string folder, string id)
    {
        foreach (string path in Directory.EnumerateFiles(folder, $"{id}*{PartSuffix}"))
        {
            if (IdOf(path) == id && TryLock(path) is { } file)
            {
                return (Path.ChangeExtension(path, null), file);
            }
        }

        return null;
    }

    private static SafeFileHandle? TryLock(string path)
    {
        try
        {
            SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

            // Unix opens first and locks then: in between it may have been removed or finished, and a file without a name cannot be finished.
            if (File.Exists(path))
            {
                return file;
            }

            file.Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process is at it, has just come to its end, or took it for a leftover.
        }

        return null;
    }

    private static (string Stem, SafeFileHandle File) Create(string stem, long size, Func<long, bool> makeRoom)
    {
        SafeFileHandle file = CreateHandle(stem + NewSuffix, size, makeRoom);
        try
        {
            // Gets the name under which others look for it only when it is locked.
            File.Move(stem + NewSuffix, stem + PartSuffix);
            return (stem, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static SafeFileHandle CreateHandle(string path, long size, Func<long, bool> makeRoom)
    {
        // Its length is taken from the disk at once, so that a full one is noticed before anything is downloaded. The failure then carries
        // no code that would tell it from others, but leaves no file.
        try
        {
            return File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, size);
        }
        catch (IOException) when (!File.Exists(path) && makeRoom(size))
        {
            return File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, size);
        }
    }

    // Of a file's name: what stands before the part of it that is never the same twice.
    private static string IdOf(string path)
    {
        string stem = Path.GetFileNameWithoutExtension(path);
        int end = stem.Length - GuidLength - 1;
        return end > 0 && stem[end] == '-' ? stem[..end] : stem;
    }

    private static bool IsDiskFull(IOException exception) => exception.HResult is DiskFullUnix or DiskFullWindows;

    private List<string> ReadPieces()
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(_stem + PiecesSuffix);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // None, or another process is about to remove them.
            return [];
        }

        return lines.Length > 0 && lines[0] == FirstLine ? [.. lines.Skip(1)] : [];
    }

    // Null where the file is shorter. A piece may be a whole file, so it is read a little at a time.
    private uint? ChecksumOf(int piece)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            var checksum = new PieceChecksum();
            long offset = OffsetOf(piece);
            for (long left = LengthOf(piece); left > 0;)
            {
                Span<byte> part = buffer.AsSpan(0, (int)Math.Min(left, buffer.Length));
                if (!TryRead(offset, part))
                {
                    return null;
                }

                checksum.Append(part);
                offset += part.Length;
                left -= part.Length;
            }

            return checksum.Value;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Believe(string line)
    {
        string[] parts = line.Split(' ');
        if (parts.Length != 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int piece) || piece >= _done.Length
            || !uint.TryParse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint noted))
        {
            return;
        }

        if (ChecksumOf(piece) == noted)
        {
            _missing -= LengthOf(piece);
            Complete(piece, noted);
        }
    }
}
