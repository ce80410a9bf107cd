using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// What one reading of a native body has found so far; the parts of <see cref="NativeRequestReader"/> share it. Disposing it, when all is read, leaves the request
/// to the caller, and the object to the next reading of this thread.
/// </summary>
internal sealed class NativeReading : IDisposable
{
    [ThreadStatic]
    private static NativeReading? _spare;

    private HashSet<string>? _faulty;

    private NativeReading()
    {
    }

    public JsonText Text { get; private set; } = null!;

    public ModelSignature Signature { get; private set; } = null!;

    public FaultList Faults { get; private set; } = null!;

    public PredictRequest Request { get; private set; } = null!;

    /// <summary>Begins a reading.</summary>
    public static NativeReading Begin(JsonText text, ModelSignature signature, FaultList faults)
    {
        NativeReading reading = _spare ?? new NativeReading();
        _spare = null;
        (reading.Text, reading.Signature, reading.Faults, reading.Request) = (text, signature, faults, new PredictRequest());
        return reading;
    }

    /// <summary>Names of inputs that need no further fault: their data has one already.</summary>
    public IReadOnlySet<string>? Faulty => _faulty;

    /// <summary>No further fault would be told, so the rest of the body is not read: a hostile one must not buy time.</summary>
    public bool IsFull => Faults.IsFull;

    /// <summary>
    /// The input that a bare value is for: the only one, or the only one that a request must give (old exporters declare every
    /// weight as an optional input). -1 where there is no such input.
    /// </summary>
    public int SoleInput()
    {
        int sole = -1;
        int required = 0;
        for (int i = 0; i < Signature.Inputs.Count; i++)
        {
            if (!Signature.Inputs[i].Optional)
            {
                sole = i;
                required++;
            }
        }

        return required == 1 ? sole : Signature.Inputs.Count == 1 ? 0 : -1;
    }

    /// <summary>The place of the input of this name, looked for from <paramref name="hint"/> on: most bodies keep the order. -1 if there is none.</summary>
    public int IndexOfInput(in JsonName name, int hint)
    {
        int count = Signature.Inputs.Count;
        for (int i = 0; i < count; i++)
        {
            int index = (hint + i) % count;
            if (name.Is(Signature.Inputs[index].Name))
            {
                return index;
            }
        }

        return -1;
    }

    /// <summary>Whether the object under the reader is not an object of inputs, but one BYTES element: <c>{"b64": "..."}</c>.</summary>
    public bool IsBase64Element(in Utf8JsonReader reader)
    {
        int sole = SoleInput();
        if (reader.TokenType != JsonTokenType.StartObject || sole < 0 || Signature.Inputs[sole].Type != TensorType.Bytes)
        {
            return false;
        }

        Utf8JsonReader ahead = reader;
        ahead.Read();
        return ahead.TokenType == JsonTokenType.PropertyName
            && JsonName.TryRead(ahead, out JsonName key)
            && key.Is(JsonByteStrings.Base64Key)
            && IndexOfInput(key, 0) < 0;
    }

    /// <summary>Reads the value under the reader as the tensor of an input.</summary>
    public void ReadInput(ref Utf8JsonReader reader, int index)
    {
        TensorSpec spec = Signature.Inputs[index];
        if (IsGiven(spec.Name))
        {
            Faults.Add(spec.Name, $"Input '{spec.Name}' is given more than once.");
            reader.Skip();
            return;
        }

        Add(spec.Name, JsonTensorReader.ReadNested(ref reader, Text, spec, Faults));
    }

    /// <summary>Takes over the tensor of an input; null says that its faults were told.</summary>
    public void Add(string name, Tensor? tensor)
    {
        if (tensor is null)
        {
            MarkFaulty(name);
        }
        else
        {
            Request.Add(name, tensor);
        }
    }

    /// <summary>False if it was marked before.</summary>
    public bool MarkFaulty(string name)
    {
        _faulty ??= new HashSet<string>(StringComparer.Ordinal);
        return _faulty.Add(name);
    }

    /// <summary>The inputs cannot be found in the body at all, which one fault has told.</summary>
    public void MarkAllFaulty()
    {
        foreach (TensorSpec spec in Signature.Inputs)
        {
            MarkFaulty(spec.Name);
        }
    }

    /// <summary>For messages: <c>'x' FP32 [n, 4], 'mask' BOOL [n]</c>.</summary>
    public string DescribeInputs() =>
        string.Join(", ", Signature.Inputs.Select(input => $"'{input.Name}' {input.Type.Name()} {input.FormatDimensions()}"));

    /// <summary>Ends the reading.</summary>
    public void Dispose()
    {
        (Text, Signature, Faults, Request, _faulty) = (null!, null!, null!, null!, null);
        _spare = this;
    }

    private bool IsGiven(string name)
    {
        for (int i = 0; i < Request.Inputs.Count; i++)
        {
            if (Request.Inputs[i].Name == name)
            {
                return true;
            }
        }

        return _faulty?.Contains(name) == true;
    }
}
