using System.Text.Json;
using ModelGateway.Protocols.Json.Numbers;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Reads one JSON value, or several as the rows of one tensor. Faults go to the request's list; after a few of them the rest of
/// the value is skipped, so that what stands behind it is still read. Dispose it: it gives back what no tensor took over.
/// </summary>
/// <remarks>Used again by the thread that disposed it: of a small request it would be a tenth of the managed memory.</remarks>
internal sealed class JsonTensorBuilder : IDisposable
{
    private const int MostFaults = 3;

    [ThreadStatic]
    private static JsonTensorBuilder? _spare;

    private readonly JsonElementStore _elements = new();
    private JsonText? _text;
    private TensorType _type;
    private JsonElementFaults _report;
    private NestedShape _shape;
    private int _faults;

    private JsonTensorBuilder()
    {
    }

    /// <summary>A builder for one tensor.</summary>
    /// <param name="text">What is read.</param>
    /// <param name="name">The input's name.</param>
    /// <param name="type">Of its elements.</param>
    /// <param name="expected">The elements that are to come, as far as a shape says; -1 for unknown.</param>
    /// <param name="faults">Gets the faults.</param>
    public static JsonTensorBuilder Rent(JsonText text, string name, TensorType type, long expected, FaultList faults)
    {
        JsonTensorBuilder builder = _spare ?? new JsonTensorBuilder();
        _spare = null;
        builder._elements.Begin(text, type, expected);
        (builder._text, builder._type, builder._faults) = (text, type, 0);
        builder._report = new JsonElementFaults(name, type, faults);
        builder._shape = new NestedShape();
        return builder;
    }

    /// <summary>A fault was found; there will be no tensor.</summary>
    public bool IsFaulty => _faults > 0;

    private bool IsStopped => _faults >= MostFaults;

    /// <summary>What is read from now on are the rows of the tensor, along a first dimension of its own.</summary>
    public void OpenRows() => _shape.TryOpen();

    /// <summary>The last row was read.</summary>
    public void CloseRows() => _shape.TryClose(out _, out _);

    /// <summary>Reads the value under the reader and leaves the reader at the value's last token.</summary>
    public void Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray || _type == TensorType.Bytes || IsFaulty || !TryReadArray(ref reader))
        {
            ReadTokens(ref reader);
        }
    }

    /// <summary>The same token by token, which finds the words for what is wrong.</summary>
    public void ReadTokens(ref Utf8JsonReader reader)
    {
        int outside = reader.CurrentDepth;
        int depth = _shape.Depth;
        if (!IsStopped)
        {
            Step(ref reader);
        }

        while (_shape.Depth > depth && !IsStopped)
        {
            reader.Read();
            Step(ref reader);
        }

        if (IsStopped)
        {
            SkipTo(ref reader, outside);
        }
    }

    /// <summary>The tensor in the shape that its nesting has, the caller's to dispose; null if it has faults.</summary>
    /// <param name="declared">The dimensions that the model declares, -1 where they are free; null if not even the rank is known.</param>
    public Tensor? ToTensor(long[]? declared) =>
        IsFaulty ? null : new Tensor(_type, Complete(_shape.ToDimensions(), declared), _elements.Detach());

    /// <summary>The tensor in a given shape, which has this many elements: the data is flat, or nested just as the shape says.</summary>
    public Tensor? ToTensor(long[] shape, long elements)
    {
        if (IsFaulty)
        {
            return null;
        }

        long[] nested = _shape.ToDimensions();
        bool fits = nested.AsSpan().SequenceEqual(shape) || (nested.Length == 1 && _elements.Count == elements);
        if (fits)
        {
            return new Tensor(_type, shape, _elements.Detach());
        }

        _report.Misshaped(shape, elements, nested);
        _faults++;
        return null;
    }

    /// <summary>Gives back what no tensor took over. A second call does nothing.</summary>
    public void Dispose()
    {
        if (_text is null)
        {
            return;
        }

        _elements.Dispose();

        // Nothing of the request stays with the thread.
        (_text, _report, _shape) = (null, default, default);
        _spare = this;
    }

    // Of [0, 4] only [] is left to see: behind a dimension of 0 the nesting says nothing, so the model does.
    private static long[] Complete(long[] nested, long[]? declared)
    {
        if (declared is null || nested.Length == 0 || nested.Length >= declared.Length || nested[^1] != 0)
        {
            return nested;
        }

        long[] whole = [.. nested, .. declared.AsSpan(nested.Length)];
        foreach (ref long dimension in whole.AsSpan(nested.Length))
        {
            dimension = Math.Max(dimension, 0);
        }

        return whole;
    }

    private static void SkipTo(ref Utf8JsonReader reader, int depth)
    {
        reader.Skip();
        while (reader.CurrentDepth > depth)
        {
            reader.Read();
        }
    }

    private bool TryReadArray(ref Utf8JsonReader reader)
    {
        (int Depth, int Rank) mark = _shape.Mark();
        long count = _elements.Count;
        int at = _text!.IndexOf(reader);
        if (JsonArrayReader.TryRead(_text.Original, ref at, JsonText.MaxDepth - reader.CurrentDepth, ref _shape, _elements))
        {
            _text.SkipTo(ref reader, at);
            return true;
        }

        _shape.ReturnTo(mark);
        _elements.ReturnTo(count);
        return false;
    }

    private void Step(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                if (!_shape.TryOpen())
                {
                    Stop(" is an array, but the elements before it are not");
                }

                break;
            case JsonTokenType.EndArray:
                if (!_shape.TryClose(out int length, out int expected))
                {
                    Stop($" has {Count(length)}, but the arrays before it have {expected}");
                }

                break;
            default:
                ReadElement(ref reader);
                break;
        }
    }

    private void ReadElement(ref Utf8JsonReader reader)
    {
        if (!_shape.TryElement())
        {
            Stop(" is no array, but the elements before it are");
            return;
        }

        JsonScalarFault fault = _elements.Append(ref reader);
        if (fault != JsonScalarFault.None)
        {
            _report.Element(fault, JsonKinds.Of(reader, _text!), _shape.Position());
            _faults++;
        }

        _shape.CountElement();
    }

    // The shape is lost, and with it the position of all that follows.
    private void Stop(string what)
    {
        _report.Ragged(_shape.Position() + what);
        _faults = MostFaults;
    }

    private static string Count(int elements) => elements == 1 ? "1 element" : $"{elements} elements";
}
