using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Hashes a partial file from its first byte on while its pieces arrive in any order, so that the hash is there soon after the last byte.
/// </summary>
/// <remarks>
/// Whoever writes a piece calls <see cref="Advance"/>, which hashes what is ready of that piece if the hash has come to it: bytes that come just where it
/// stands are taken from memory. Whoever has finished one calls <see cref="CatchUp"/>, which reads back all that is ready in order. Both leave it to
/// someone who is at it already, and whoever that is sees the new bytes too or calls <see cref="CatchUp"/> afterwards.
/// <c>_gate</c> guards what is written and <c>_isBusy</c>; everything else belongs to who set it.
/// </remarks>
internal sealed class PieceHasher(PartialFile file, ChecksumAlgorithm? algorithm) : IDisposable
{
    private const int BufferSize = 1 << 18;
    private const int LeastTimed = 1 << 14;
    private readonly Lock _gate = new();
    private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ChecksumCalculator? _checksum = algorithm is { } other and not ChecksumAlgorithm.Sha256 ? new ChecksumCalculator(other) : null;
    private readonly long[] _written = new long[file.PieceCount];
    private int _front;
    private long _hashed;
    private bool _isBusy;
    private double _bytesPerSecond;

    /// <summary>The most that it has hashed a second; 0 before it has hashed anything worth timing.</summary>
    public double BytesPerSecond => Volatile.Read(ref _bytesPerSecond);

    /// <summary>A piece has grown.</summary>
    /// <param name="piece">Its number.</param>
    /// <param name="written">Bytes from its first on that are in the file and stay as they are.</param>
    public void Note(int piece, long written)
    {
        lock (_gate)
        {
            _written[piece] = written;
        }
    }

    /// <summary>A piece has grown; hashes what is there of it, if all before it is hashed.</summary>
    /// <param name="piece">Its number.</param>
    /// <param name="written">Bytes from its first on that are in the file and stay as they are.</param>
    /// <param name="last">The last of these.</param>
    /// <exception cref="IOException">The file became shorter, or cannot be read.</exception>
    public void Advance(int piece, long written, ReadOnlySpan<byte> last)
    {
        Note(piece, written);
        long lastOffset = file.OffsetOf(piece) + written - last.Length;
        while (TryTake(piece, out long offset, out long length))
        {
            if (offset == lastOffset && length == last.Length)
            {
                Append(last);
            }
            else
            {
                AppendFromFile(offset, length, CancellationToken.None);
            }

            GiveBack(length);
        }
    }

    /// <summary>Hashes all that is ready in order.</summary>
    /// <param name="cancellationToken">Ends it; then there will be no result.</param>
    /// <exception cref="IOException">The file became shorter, or cannot be read.</exception>
    public void CatchUp(CancellationToken cancellationToken)
    {
        while (TryTake(null, out long offset, out long length))
        {
            AppendFromFile(offset, length, cancellationToken);
            GiveBack(length);
        }
    }

    /// <summary>The only piece of the file is written anew from its first byte; by the one who writes it.</summary>
    /// <exception cref="InvalidOperationException">There are more, whose writers may be hashing.</exception>
    public void Restart()
    {
        lock (_gate)
        {
            if (_isBusy || file.PieceCount != 1)
            {
                throw new InvalidOperationException("Only a file of one piece can be hashed anew.");
            }

            _sha256.GetHashAndReset();
            _checksum?.GetChecksumAndReset();
            _written[0] = 0;
            _front = 0;
            _hashed = 0;
        }
    }

    /// <summary>The results; all pieces must be finished.</summary>
    public (string Sha256, ObjectChecksum? Checksum) Finish()
    {
        if (_hashed != file.Size)
        {
            throw new InvalidOperationException("Not all pieces are there.");
        }

        string sha256 = Convert.ToHexStringLower(_sha256.GetHashAndReset());
        ObjectChecksum? checksum = algorithm == ChecksumAlgorithm.Sha256 ? new ObjectChecksum(ChecksumAlgorithm.Sha256, sha256) : _checksum?.GetChecksumAndReset();
        return (sha256, checksum);
    }

    public void Dispose()
    {
        _sha256.Dispose();
        _checksum?.Dispose();
    }

    // What is ready of the piece that the hash stands in; null for any.
    private bool TryTake(int? piece, out long offset, out long length)
    {
        lock (_gate)
        {
            offset = _hashed;
            length = _front < file.PieceCount ? file.OffsetOf(_front) + _written[_front] - offset : 0;
            if (_isBusy || length == 0 || (piece is not null && piece != _front))
            {
                return false;
            }

            _isBusy = true;
            return true;
        }
    }

    private void GiveBack(long length)
    {
        lock (_gate)
        {
            _hashed += length;
            if (_hashed == file.OffsetOf(_front) + file.LengthOf(_front))
            {
                _front++;
            }

            _isBusy = false;
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        long start = Stopwatch.GetTimestamp();
        _sha256.AppendData(bytes);
        _checksum?.Append(bytes);
        if (bytes.Length >= LeastTimed)
        {
            // The best of them: a thread that was interrupted says nothing of the processor.
            Volatile.Write(ref _bytesPerSecond, Math.Max(_bytesPerSecond, bytes.Length / Stopwatch.GetElapsedTime(start).TotalSeconds));
        }
    }

    private void AppendFromFile(long offset, long length, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (long end = offset + length; offset < end;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Span<byte> part = buffer.AsSpan(0, (int)Math.Min(end - offset, buffer.Length));
                if (!file.TryRead(offset, part))
                {
                    throw new IOException("A file in the artifact cache became shorter while it was downloaded.");
                }

                Append(part);
                offset += part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
