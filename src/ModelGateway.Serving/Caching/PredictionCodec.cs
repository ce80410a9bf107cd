using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Caching;

/// <summary>Outputs as one array, and back. Decoded tensors are views of the array: nothing is copied, and any number of requests may read them.</summary>
/// <remarks>
/// Little endian:
/// <code>
/// payload  run's cost (uint32, microseconds) · outputs (uint16) · output...
/// output   name (uint16 length, UTF-8) · kind (byte) · labels (byte: 0 or 1) · tensors (uint32) · labels tensor, if there · tensor...
/// tensor   type (byte) · rank (byte) · dimensions (int64 each) · bytes (uint32 length) · zeros up to a multiple of 8 from the start · the bytes
/// </code>
/// </remarks>
internal static class PredictionCodec
{
    private const int Alignment = 8;
    private const int LargestRank = 255;

    /// <summary>The outputs as one array; null where they do not fit into <paramref name="most"/> bytes.</summary>
    public static byte[]? Encode(IReadOnlyList<OutputValue> outputs, TimeSpan runCost, long most)
    {
        long length = Measure(outputs);
        if (length > Math.Min(most, Array.MaxLength))
        {
            return null;
        }

        byte[] payload = new byte[length];
        var writer = new Writer(payload);
        writer.Write((uint)Math.Clamp(runCost.TotalMicroseconds, 0, uint.MaxValue));
        writer.Write((ushort)outputs.Count);
        foreach (OutputValue output in outputs)
        {
            writer.Write(output.Name);
            writer.Write((byte)output.Kind);
            writer.Write(output.Labels is null ? (byte)0 : (byte)1);
            writer.Write((uint)output.Tensors.Count);
            if (output.Labels is not null)
            {
                writer.Write(output.Labels);
            }

            foreach (Tensor tensor in output.Tensors)
            {
                writer.Write(tensor);
            }
        }

        return payload;
    }

    /// <summary>The outputs in a payload. False for what this codec did not write; it is then never half read.</summary>
    public static bool TryDecode(byte[] payload, [NotNullWhen(true)] out OutputValue[]? outputs, out TimeSpan runCost)
    {
        var reader = new Reader(payload);
        outputs = null;
        runCost = TimeSpan.Zero;
        if (!reader.TryRead(out uint microseconds) || !reader.TryRead(out ushort count))
        {
            return false;
        }

        var read = new List<OutputValue>(Math.Min((int)count, 64));
        for (int i = 0; i < count; i++)
        {
            if (!TryDecode(ref reader, out OutputValue? output))
            {
                return false;
            }

            read.Add(output);
        }

        if (!reader.IsAtEnd)
        {
            return false;
        }

        outputs = [.. read];
        runCost = TimeSpan.FromMicroseconds(microseconds);
        return true;
    }

    private static bool TryDecode(ref Reader reader, [NotNullWhen(true)] out OutputValue? output)
    {
        output = null;
        if (!reader.TryRead(out string? name) || !reader.TryRead(out byte kindNumber) || !reader.TryRead(out byte labelled) || !reader.TryRead(out uint count)
            || kindNumber > (byte)OutputKind.MapSequence || labelled > 1)
        {
            return false;
        }

        var kind = (OutputKind)kindNumber;
        bool isMap = kind is OutputKind.Map or OutputKind.MapSequence;
        Tensor? labels = null;
        if (isMap != (labelled == 1) || (kind != OutputKind.TensorSequence && count != 1) || (isMap && !reader.TryRead(out labels)))
        {
            return false;
        }

        var tensors = new List<Tensor>((int)Math.Min(count, 64));
        for (uint i = 0; i < count; i++)
        {
            if (!reader.TryRead(out Tensor? tensor))
            {
                return false;
            }

            tensors.Add(tensor);
        }

        output = isMap ? OutputValue.FromMaps(name, kind, labels!, tensors[0])
            : kind == OutputKind.TensorSequence ? OutputValue.FromSequence(name, tensors)
            : OutputValue.FromTensor(name, tensors[0]);
        return true;
    }

    private static long Measure(IReadOnlyList<OutputValue> outputs)
    {
        long length = sizeof(uint) + sizeof(ushort);
        foreach (OutputValue output in outputs)
        {
            length += sizeof(ushort) + Encoding.UTF8.GetByteCount(output.Name) + 2 + sizeof(uint);
            length = output.Labels is null ? length : Measure(length, output.Labels);
            foreach (Tensor tensor in output.Tensors)
            {
                length = Measure(length, tensor);
            }
        }

        return length;
    }

    private static long Measure(long position, Tensor tensor) => Align(position + 2 + (sizeof(long) * (long)tensor.Shape.Length) + sizeof(uint)) + tensor.Data.Length;

    private static long Align(long position) => (position + Alignment - 1) & -Alignment;

    private ref struct Writer(Span<byte> payload)
    {
        private readonly Span<byte> _payload = payload;
        private int _position;

        public void Write(byte value) => _payload[_position++] = value;

        public void Write(ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_payload[_position..], value);
            _position += sizeof(ushort);
        }

        public void Write(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_payload[_position..], value);
            _position += sizeof(uint);
        }

        public void Write(string text)
        {
            int length = Encoding.UTF8.GetBytes(text, _payload[(_position + sizeof(ushort))..]);
            Write(checked((ushort)length));
            _position += length;
        }

        public void Write(Tensor tensor)
        {
            Write((byte)tensor.Type);
            Write(checked((byte)tensor.Shape.Length));
            foreach (long dimension in tensor.Shape)
            {
                BinaryPrimitives.WriteInt64LittleEndian(_payload[_position..], dimension);
                _position += sizeof(long);
            }

            Write((uint)tensor.Data.Length);
            _position = (int)Align(_position);
            tensor.Data.CopyTo(_payload[_position..]);
            _position += tensor.Data.Length;
        }
    }

    private ref struct Reader(byte[] payload)
    {
        private readonly byte[] _payload = payload;
        private int _position;

        public readonly bool IsAtEnd => _position == _payload.Length;

        private readonly ReadOnlySpan<byte> Rest => _payload.AsSpan(_position);

        public bool TryRead(out byte value)
        {
            bool isThere = _position < _payload.Length;
            value = isThere ? _payload[_position++] : default;
            return isThere;
        }

        public bool TryRead(out ushort value) => BinaryPrimitives.TryReadUInt16LittleEndian(Rest, out value) && Skip(sizeof(ushort));

        public bool TryRead(out uint value) => BinaryPrimitives.TryReadUInt32LittleEndian(Rest, out value) && Skip(sizeof(uint));

        public bool TryRead([NotNullWhen(true)] out string? text)
        {
            text = null;
            if (TryRead(out ushort length) && length <= Rest.Length)
            {
                text = Encoding.UTF8.GetString(Rest[..length]);
                _position += length;
            }

            return text is not null;
        }

        public bool TryRead([NotNullWhen(true)] out Tensor? tensor)
        {
            tensor = null;
            if (!TryRead(out byte type) || !TryRead(out byte rank) || !Enum.IsDefined((TensorType)type) || rank > LargestRank || Rest.Length < rank * sizeof(long))
            {
                return false;
            }

            long[] shape = new long[rank];
            for (int i = 0; i < rank; i++)
            {
                shape[i] = BinaryPrimitives.ReadInt64LittleEndian(Rest);
                _position += sizeof(long);
            }

            if (!TryRead(out uint length) || Align(_position) + length > _payload.Length || Array.Exists(shape, dimension => dimension < 0)
                || !TensorShape.TryCountElements(shape, out long elements))
            {
                return false;
            }

            int start = (int)Align(_position);
            _position = start + (int)length;
            if (!Fits((TensorType)type, elements, _payload.AsSpan(start, (int)length)))
            {
                return false;
            }

            tensor = new Tensor((TensorType)type, shape, TensorBuffer.View(_payload, start, (int)length));
            return true;
        }

        private static bool Fits(TensorType type, long elements, ReadOnlySpan<byte> data) => type == TensorType.Bytes
            ? BytesReader.TryCount(data, out long count) && count == elements
            : (Int128)elements * type.ElementSize() == data.Length;

        private bool Skip(int count)
        {
            _position += count;
            return true;
        }
    }
}
