using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// One input while it is read. Its faults are kept until its name is known, which may be its last key, and told together; what
/// does not fit the model is not read. It owns its tensor until the request takes it over.
/// </summary>
internal sealed class InferInput(InferReading reading, int index) : IDisposable
{
    private const InputKeys Description = InputKeys.Name | InputKeys.Shape | InputKeys.Datatype;
    private static readonly InputKeys[] Required = [InputKeys.Name, InputKeys.Shape, InputKeys.Datatype];

    // Made when there is one: few inputs are at fault.
    private List<(string What, string? Expected, string? Got)>? _faults;
    private InputKeys _seen;
    private UnknownKeys _unknown;
    private string? _name;
    private TensorSpec? _spec;
    private TensorType? _type;
    private string? _unknownDatatype;
    private Tensor? _tensor;
    private bool _isChecked;
    private bool _isFaulty;

    /// <summary>As given; negative dimensions are found by <see cref="Check"/>.</summary>
    public long[]? Shape { get; set; }

    /// <summary>The bytes announced for the binary part of the body.</summary>
    public long? BinarySize { get; set; }

    /// <summary>Enough has been read to hold the input against the model.</summary>
    public bool IsDescribed => (_seen & Description) == Description;

    private bool IsSound => !_isFaulty && _faults is null && _unknownDatatype is null;

    private string Target => _name ?? $"inputs[{index}]";

    private string Subject => _name is null ? Target : $"Input '{_name}'";

    public void AddUnknown(in JsonName key) => _unknown.Add(key);

    /// <summary>False, and a fault, for a key that was there before; its value is then passed over.</summary>
    public bool TryTake(InputKeys key)
    {
        if ((_seen & key) != 0)
        {
            Fault($"has the key '{key.ToString().ToLowerInvariant()}' more than once");
            return false;
        }

        _seen |= key;
        return true;
    }

    public void SetName(in JsonName name)
    {
        foreach (TensorSpec spec in reading.Signature.Inputs)
        {
            if (name.Is(spec.Name))
            {
                (_name, _spec) = (spec.Name, spec);
                return;
            }
        }

        _name = name.ToString();
    }

    public void SetDatatype(in JsonName datatype)
    {
        for (int i = 0; i < TensorTypes.AllNames.Count; i++)
        {
            if (datatype.Is(TensorTypes.AllNames[i]))
            {
                _type = (TensorType)i;
                return;
            }
        }

        _unknownDatatype = datatype.ToString();
    }

    /// <param name="what">The rest of a sentence that begins with the input.</param>
    /// <param name="expected">What would have been right.</param>
    /// <param name="got">What came.</param>
    public void Fault(string what, string? expected = null, string? got = null)
    {
        // A body that repeats one key a million times must not buy a million faults.
        if ((_faults ??= []).Count < FaultList.Capacity)
        {
            _faults.Add((what, expected, got));
        }
    }

    /// <summary>Holds what is known of the input, its data apart, against the protocol and the model. Only the first call does.</summary>
    public void Check()
    {
        if (_isChecked)
        {
            return;
        }

        _isChecked = true;
        foreach (InputKeys key in Required)
        {
            if ((_seen & key) == 0)
            {
                string spelled = key.ToString().ToLowerInvariant();
                _isFaulty = true;
                reading.Faults.Add(Target, $"{Subject} has no '{spelled}'.{_unknown.Suggest(spelled)}", spelled, "nothing");
            }
        }

        if (_name is not null && _spec is null)
        {
            _isFaulty = true;
            reading.Faults.Add(_name, RequestValidator.UnknownInput(reading.Signature, _name));
        }
        else if (_name is not null && !reading.TryTake(_name))
        {
            Fault("is given more than once");
        }

        if (IsSound)
        {
            _isFaulty = !RequestValidator.CheckTensor(_spec!, _type!.Value, Shape, reading.Faults) || !InferShape.Check(Target, Subject, Shape!, reading.Faults);
        }
    }

    /// <summary>Reads the value under the reader, unless something is at fault already; the reader is left at the value's first or last token.</summary>
    public void ReadData(ref Utf8JsonReader reader)
    {
        if (IsSound)
        {
            _tensor = JsonTensorReader.ReadData(ref reader, reading.Text, _name!, _type!.Value, Shape!, reading.Faults);
            _isFaulty = _tensor is null;
        }
    }

    /// <summary>Tells the faults, or hands the tensor to the request, or leaves its bytes to be found behind the JSON.</summary>
    public void Finish()
    {
        bool hasData = (_seen & InputKeys.Data) != 0;
        if (hasData && BinarySize is not null)
        {
            Fault("has both 'data' and the parameter 'binary_data_size'", "one of them", "both");
        }

        if (_unknownDatatype is not null)
        {
            string? expected = _spec?.Type.Name();
            Fault($"has the datatype '{_unknownDatatype}'{(expected is null ? "" : $", but the model expects {expected}")}; there are {string.Join(", ", TensorTypes.AllNames)}", expected, _unknownDatatype);
        }

        foreach ((string what, string? expected, string? got) in _faults ?? [])
        {
            reading.Faults.Add(Target, $"{Subject} {what}.", expected, got);
        }

        _isFaulty = !IsSound;
        if (_isFaulty && _spec is not null)
        {
            reading.MarkFaulty(_spec.Name);
        }

        if (!_isFaulty && _tensor is not null)
        {
            reading.Request.Prediction.Add(_spec!.Name, _tensor);
            _tensor = null;
        }
        else if (!hasData)
        {
            // One at fault is kept too: its bytes lie between those of the others.
            reading.Binary.Add(new BinaryInput(_isFaulty ? null : _spec, Shape ?? [], BinarySize, _unknown.Suggest("data")));
        }
    }

    public void Dispose() => _tensor?.Dispose();
}
