using System.Buffers;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Hashes a partial file from its first byte on while its pieces arrive in any order, so that the hash is there soon after the last one.
/// </summary>
/// <remarks>
/// Whoever finishes a piece calls <see cref="Advance"/>: it hashes all that is ready in order, unless someone else is at it already,
/// who will then see the new piece too. <c>_isBusy</c> is guarded by the lock, everything else belongs to who set it.
/// </remarks>
internal sealed class PieceHasher(PartialFile file, ChecksumAlgorithm? algorithm) : IDisposable
{
    private const int BufferSize = 1 << 18;
    private readonly Lock _gate = new();
    private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ChecksumCalculator? _checksum = algorithm is { } other and not ChecksumAlgorithm.Sha256 ? new ChecksumCalculator(other) : null;
    private int _next;
    private bool _isBusy;

    /// <summary>Hashes as far as there are finished pieces.</summary>
    public void Advance()
    {
        while (TryTake())
        {
            Hash(_next);
            lock (_gate)
            {
                _next++;
                _isBusy = false;
            }
        }
    }

    /// <summary>The results; all pieces must be finished.</summary>
    public (string Sha256, ObjectChecksum? Checksum) Finish()
    {
        Advance();
        if (_next != file.PieceCount)
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

    private bool TryTake()
    {
        lock (_gate)
        {
            if (_isBusy || _next == file.PieceCount || !file.IsDone(_next))
            {
                return false;
            }

            _isBusy = true;
            return true;
        }
    }

    private void Hash(int piece)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long offset = file.OffsetOf(piece);
            for (long left = file.LengthOf(piece); left > 0;)
            {
                Span<byte> part = buffer.AsSpan(0, (int)Math.Min(left, buffer.Length));
                if (!file.TryRead(offset, part))
                {
                    throw new IOException("A file in the artifact cache became shorter while it was downloaded.");
                }

                _sha256.AppendData(part);
                _checksum?.Append(part);
                offset += part.Length;
                left -= part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
