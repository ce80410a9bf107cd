using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Caching;

/// <summary>Makes the keys of predictions. Safe for any thread.</summary>
/// <remarks>
/// What is hashed, every part of variable length behind its length (little endian), so that no two requests give the same bytes:
/// <code>
/// scope    32 bytes: the hash of format, model, version, artifact, settings, epochs
/// tenant   0, or 1 and the text
/// outputs  their number, each name
/// inputs   their number; in the order of names: name, type, rank, dimensions, length, bytes
/// </code>
/// The bytes are those of the decoded tensors: how a protocol spells them makes no difference.
/// </remarks>
/// <param name="secret">Makes it HMAC-SHA-256; null for SHA-256.</param>
public sealed class PredictionKeyWriter(byte[]? secret) : IDisposable
{
    // Enters every scope: raised when anything of the format changes, so that old entries of a store are out of reach.
    private const int Format = 1;

    // Up to here the bytes are gathered and hashed in one call, which is cheaper than to begin, feed and end a hash.
    private const int LargestGathered = 8 << 10;

    private readonly ThreadLocal<Buffers> _buffers = new(() => new Buffers(secret));

    /// <summary>The hash of what a loaded version's keys have in common.</summary>
    /// <param name="model">Its name.</param>
    /// <param name="version">Its number.</param>
    /// <param name="digest">The artifact's digest.</param>
    /// <param name="settings">Text of whatever of its settings can change a result.</param>
    /// <param name="modelEpoch">The epoch of the model.</param>
    /// <param name="versionEpoch">The epoch of the version.</param>
    public static byte[] HashScope(string model, long version, string digest, string settings, long modelEpoch, long versionEpoch)
    {
        using var gathered = new MemoryStream();
        using (var writer = new BinaryWriter(gathered))
        {
            // BinaryWriter puts the length before each text.
            writer.Write(Format);
            writer.Write(model);
            writer.Write(version);
            writer.Write(digest);
            writer.Write(settings);
            writer.Write(modelEpoch);
            writer.Write(versionEpoch);
        }

        return SHA256.HashData(gathered.ToArray());
    }

    /// <summary>The key of a request.</summary>
    /// <param name="scope">Of the version that answers.</param>
    /// <param name="tenant">Whose entry it is; null where all callers share.</param>
    /// <param name="outputs">The outputs asked for, in their order.</param>
    /// <param name="inputs">The inputs, in any order.</param>
    public PredictionKey Write(CacheScope scope, string? tenant, IReadOnlyList<string> outputs, IReadOnlyList<NamedTensor> inputs)
    {
        Buffers buffers = _buffers.Value!;
        buffers.Begin(scope, tenant, outputs, inputs.Count);
        if (inputs.Count == 1)
        {
            buffers.Add(inputs[0].Name, inputs[0].Tensor.Type, inputs[0].Tensor.Shape, -1, inputs[0].Tensor.Data);
        }
        else
        {
            foreach (NamedTensor input in inputs.OrderBy(input => input.Name, StringComparer.Ordinal))
            {
                buffers.Add(input.Name, input.Tensor.Type, input.Tensor.Shape, -1, input.Tensor.Data);
            }
        }

        return buffers.End();
    }

    /// <summary>The key of one row of a batch: that of a request that holds this row alone.</summary>
    /// <param name="scope">Of the version that answers.</param>
    /// <param name="tenant">Whose entry it is; null where all callers share.</param>
    /// <param name="outputs">The outputs asked for, in their order.</param>
    /// <param name="inputs">The inputs cut into rows, in the order of names.</param>
    /// <param name="row">Which row.</param>
    public PredictionKey Write(CacheScope scope, string? tenant, IReadOnlyList<string> outputs, IReadOnlyList<TensorRows> inputs, int row)
    {
        Buffers buffers = _buffers.Value!;
        buffers.Begin(scope, tenant, outputs, inputs.Count);
        foreach (TensorRows input in inputs)
        {
            buffers.Add(input.Name, input.Tensor.Type, input.Tensor.Shape, 1, input[row]);
        }

        return buffers.End();
    }

    /// <summary>Gives the hashes back.</summary>
    public void Dispose() => _buffers.Dispose();

    // One a thread: a request is hashed without a lock and without garbage.
    private sealed class Buffers(byte[]? secret)
    {
        private readonly byte[] _gathered = new byte[2 * LargestGathered];
        private readonly IncrementalHash _hash = secret is null
            ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256)
            : IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);

        private int _used;
        private bool _isFed;

        public void Begin(CacheScope scope, string? tenant, IReadOnlyList<string> outputs, int inputs)
        {
            _used = 0;
            if (_isFed)
            {
                // A write before this one ended in an exception.
                Span<byte> unused = stackalloc byte[PredictionKey.Size];
                _hash.GetHashAndReset(unused);
                _isFed = false;
            }

            Add(scope.Hash);
            Add(tenant is null ? 0 : 1);
            if (tenant is not null)
            {
                Add(tenant);
            }

            Add(outputs.Count);
            for (int i = 0; i < outputs.Count; i++)
            {
                Add(outputs[i]);
            }

            Add(inputs);
        }

        // A leading dimension of -1 leaves the shape's own.
        public void Add(string name, TensorType type, long[] shape, long leading, ReadOnlySpan<byte> data)
        {
            Add(name);
            Add((int)type);
            Add(shape.Length);
            for (int i = 0; i < shape.Length; i++)
            {
                Add(i == 0 && leading >= 0 ? leading : shape[i]);
            }

            Add((long)data.Length);
            Add(data);
        }

        public PredictionKey End()
        {
            Span<byte> key = stackalloc byte[PredictionKey.Size];
            if (_isFed)
            {
                _hash.AppendData(_gathered, 0, _used);
                _hash.GetHashAndReset(key);
                _isFed = false;
            }
            else if (secret is null)
            {
                SHA256.HashData(_gathered.AsSpan(0, _used), key);
            }
            else
            {
                HMACSHA256.HashData(secret, _gathered.AsSpan(0, _used), key);
            }

            return new PredictionKey(key);
        }

        // As UTF-16: other encodings map broken text to the same replacement.
        private void Add(string text)
        {
            Add(text.Length);
            Add(MemoryMarshal.AsBytes(text.AsSpan()));
        }

        private void Add(int number)
        {
            if (_gathered.Length - _used < sizeof(int))
            {
                Feed();
            }

            BinaryPrimitives.WriteInt32LittleEndian(_gathered.AsSpan(_used), number);
            _used += sizeof(int);
        }

        private void Add(long number)
        {
            if (_gathered.Length - _used < sizeof(long))
            {
                Feed();
            }

            BinaryPrimitives.WriteInt64LittleEndian(_gathered.AsSpan(_used), number);
            _used += sizeof(long);
        }

        private void Add(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length > LargestGathered || bytes.Length > _gathered.Length - _used)
            {
                Feed();
                if (bytes.Length > LargestGathered)
                {
                    _hash.AppendData(bytes);
                    return;
                }
            }

            bytes.CopyTo(_gathered.AsSpan(_used));
            _used += bytes.Length;
        }

        private void Feed()
        {
            _hash.AppendData(_gathered, 0, _used);
            _used = 0;
            _isFed = true;
        }
    }
}
