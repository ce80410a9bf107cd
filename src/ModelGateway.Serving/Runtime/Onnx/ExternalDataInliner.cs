using System.Globalization;
using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Puts external data that is encrypted into the model itself. The messages on the way to a tensor are written anew with their new
/// lengths; every other field is taken over byte for byte.
/// </summary>
/// <remarks>
/// Field numbers of onnx.proto, as far as they lead to tensors:
/// <code>
/// ModelProto      7 graph · 25 functions                  FunctionProto    7 node
/// GraphProto      1 node · 5 initializer · 15 sparse_initializer
/// NodeProto       5 attribute                             AttributeProto   5 t · 6 g · 10 tensors · 11 graphs · 22 sparse_tensor · 23 sparse_tensors
/// SparseTensor    1 values · 2 indices                    StringStringEntry 1 key · 2 value
/// TensorProto     9 raw_data · 13 external_data · 14 data_location (1: external)
/// </code>
/// </remarks>
internal sealed class ExternalDataInliner : IDisposable
{
    private const int LengthDelimited = 2;
    private const int RawData = 9;
    private const int ExternalData = 13;
    private const int DataLocation = 14;
    private const int DeepestNesting = 100;
    private readonly byte[] _model;
    private readonly ProtobufReader _reader;
    private readonly ArtifactFiles _files;
    private readonly CancellationToken _cancellationToken;
    private readonly Dictionary<string, SecretBytes> _data = new(StringComparer.Ordinal);

    // The new model in order; parts of the old one, of the data, and a few bytes of our own.
    private readonly List<ReadOnlyMemory<byte>> _parts = [];
    private readonly MemoryStream _stream;

    // Tensors so far whose data was put in.
    private int _inlined;

    private ExternalDataInliner(byte[] model, ArtifactFiles files, CancellationToken cancellationToken)
    {
        _model = model;
        _stream = new MemoryStream(model);
        _reader = new ProtobufReader(_stream);
        _files = files;
        _cancellationToken = cancellationToken;
    }

    private enum Message
    {
        Model,
        Function,
        Graph,
        Node,
        Attribute,
        SparseTensor,
        Tensor,
    }

    /// <summary>The model with its encrypted external data inside; null where it has none.</summary>
    /// <exception cref="InvalidDataException">The data cannot be decrypted, does not fit, or is too much.</exception>
    public static SecretBytes? Inline(SecretBytes model, ArtifactFiles files, CancellationToken cancellationToken)
    {
        using var inliner = new ExternalDataInliner(model.Array, files, cancellationToken);
        long length = inliner.Copy(Message.Model, model.Length, 0);
        if (inliner._data.Count == 0)
        {
            return null;
        }

        if (length > Array.MaxLength)
        {
            throw new InvalidDataException(
                $"The model and its encrypted external data are {length} bytes together, and ONNX Runtime takes at most {Array.MaxLength} from memory: leave the external data plain.");
        }

        var whole = new SecretBytes((int)length);
        int at = 0;
        foreach (ReadOnlyMemory<byte> part in inliner._parts)
        {
            part.Span.CopyTo(whole.Array.AsSpan(at));
            at += part.Length;
        }

        return whole;
    }

    public void Dispose()
    {
        _stream.Dispose();
        foreach (SecretBytes data in _data.Values)
        {
            data.Dispose();
        }
    }

    private static Message? ChildOf(Message message, int field) => (message, field) switch
    {
        (Message.Model, 7) or (Message.Attribute, 6 or 11) => Message.Graph,
        (Message.Model, 25) => Message.Function,
        (Message.Graph, 1) or (Message.Function, 7) => Message.Node,
        (Message.Node, 5) => Message.Attribute,
        (Message.Graph, 5) or (Message.Attribute, 5 or 10) or (Message.SparseTensor, 1 or 2) => Message.Tensor,
        (Message.Graph, 15) or (Message.Attribute, 22 or 23) => Message.SparseTensor,
        _ => null,
    };

    /// <summary>Adds the message from the reader's position to <paramref name="end"/> to the parts.</summary>
    /// <returns>Its new length.</returns>
    private long Copy(Message message, long end, int depth)
    {
        if (depth > DeepestNesting)
        {
            throw new InvalidDataException("The model's graphs are nested too deeply.");
        }

        long length = 0;
        for (long start = _stream.Position; _reader.TryReadTag(end, out int field, out int wireType); start = _stream.Position)
        {
            if (wireType == LengthDelimited && ChildOf(message, field) is { } child)
            {
                long childEnd = _reader.ReadEnd();
                (int place, int inlined) = (_parts.Count, _inlined);
                long childLength = child == Message.Tensor ? CopyTensor(childEnd) : Copy(child, childEnd, depth + 1);
                if (inlined == _inlined)
                {
                    // Nothing in it has changed: one part instead of one a field, of which large graphs have many.
                    _parts.RemoveRange(place, _parts.Count - place);
                    length += Add(start, _stream.Position);
                    continue;
                }

                byte[] head = Head(field, childLength);
                _parts.Insert(place, head);
                length += head.Length + childLength;
            }
            else
            {
                _reader.Skip(wireType);
                length += Add(start, _stream.Position);
            }
        }

        return length;
    }

    private long CopyTensor(long end)
    {
        long start = _stream.Position;
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        var rest = new List<(long Start, long End)>();
        bool isExternal = false;
        for (long at = start; _reader.TryReadTag(end, out int field, out int wireType); at = _stream.Position)
        {
            if (field == ExternalData && wireType == LengthDelimited)
            {
                ReadEntry(_reader.ReadEnd(), entries);
            }
            else if (field == DataLocation && wireType == 0)
            {
                isExternal = _reader.ReadVarint() == 1;
            }
            else
            {
                _reader.Skip(wireType);
                rest.Add((at, _stream.Position));
            }
        }

        string? location = isExternal ? entries.GetValueOrDefault("location") : null;
        if (location is null || !_files.IsEncrypted(location = PlainName(location)))
        {
            return Add(start, end);
        }

        long length = rest.Sum(range => Add(range.Start, range.End));
        ReadOnlyMemory<byte> data = DataOf(location, entries);
        byte[] head = Head(RawData, data.Length);
        _parts.Add(head);
        _parts.Add(data);
        _inlined++;
        return length + head.Length + data.Length;
    }

    private void ReadEntry(long end, Dictionary<string, string> entries)
    {
        (string key, string value) = ("", "");
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            switch (field)
            {
                case 1 when wireType == LengthDelimited:
                    key = _reader.ReadString();
                    break;
                case 2 when wireType == LengthDelimited:
                    value = _reader.ReadString();
                    break;
                default:
                    _reader.Skip(wireType);
                    break;
            }
        }

        entries[key] = value;
    }

    private ReadOnlyMemory<byte> DataOf(string location, Dictionary<string, string> entries)
    {
        if (!_data.TryGetValue(location, out SecretBytes? data))
        {
            data = _files.Read(location, _cancellationToken);
            _data.Add(location, data);
        }

        long offset = Number(entries, "offset") ?? 0;
        long length = Number(entries, "length") ?? data.Length - offset;
        return offset >= 0 && length >= 0 && offset <= data.Length && length <= data.Length - offset
            ? data.Array.AsMemory((int)offset, (int)length)
            : throw new InvalidDataException($"The model's external data is out of bounds: it asks for {length} bytes from {offset} on of '{location}', which has {data.Length}.");
    }

    private static long? Number(Dictionary<string, string> entries, string key) =>
        !entries.TryGetValue(key, out string? text) ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value
        : throw new InvalidDataException($"The model's external data has the {key} '{text}', which is not a number.");

    private static string PlainName(string location) => location.StartsWith("./", StringComparison.Ordinal) ? location[2..] : location;

    private long Add(long start, long end)
    {
        _parts.Add(_model.AsMemory((int)start, (int)(end - start)));
        return end - start;
    }

    // Tag and length of a nested message.
    private static byte[] Head(int field, long length)
    {
        var head = new List<byte>();
        ulong tag = ((ulong)field << 3) | LengthDelimited;
        foreach (ulong number in (ulong[])[tag, (ulong)length])
        {
            ulong left = number;
            for (; left >= 0x80; left >>= 7)
            {
                head.Add((byte)(left | 0x80));
            }

            head.Add((byte)left);
        }

        return [.. head];
    }
}
