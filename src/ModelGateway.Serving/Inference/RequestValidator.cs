using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// Holds a request against a model's signature and limits: names, types, shapes, rows, missing and repeated inputs, outputs asked for.
/// ONNX Runtime does not notice a missing input, so nothing runs before this has found no fault.
/// </summary>
public static class RequestValidator
{
    /// <summary>Adds every fault to <paramref name="faults"/>; inputs named in <paramref name="faulty"/> were reported by the reader already.</summary>
    public static void Validate(
        ModelSignature signature, ModelLimits limits, PredictRequest request, FaultList faults, IReadOnlySet<string>? faulty = null)
    {
        CheckInputs(signature, limits, request, faults, faulty);
        CheckMissing(signature, request, faults, faulty);
        CheckOutputs(signature, request, faults);
    }

    private static void CheckInputs(ModelSignature signature, ModelLimits limits, PredictRequest request, FaultList faults, IReadOnlySet<string>? faulty)
    {
        for (int i = 0; i < request.Inputs.Count; i++)
        {
            (string name, Tensor tensor) = request.Inputs[i];
            int index = signature.IndexOfInput(name);
            if (index < 0)
            {
                faults.Add(name, faults.IsFull ? "" : UnknownInput(signature, name));
            }
            else if (!faults.IsFull && IsRepeated(request.Inputs, i))
            {
                faults.Add(name, $"Input '{name}' is given more than once.");
            }
            else if (faulty?.Contains(name) != true && CheckTensor(signature.Inputs[index], tensor.Type, tensor.Shape, faults))
            {
                CheckRows(signature.Inputs[index], limits, tensor.Shape, faults);
            }
        }
    }

    /// <summary>The sentence for an input that the model does not have.</summary>
    public static string UnknownInput(ModelSignature signature, string name) =>
        signature.Inputs.Count == 0
            ? $"The model has no inputs, but '{NameSuggestion.Shorten(name)}' was given."
            : $"The model has no input '{NameSuggestion.Shorten(name)}'.{NameSuggestion.For(name, signature.Inputs.Select(input => input.Name))} "
              + $"Its inputs are {List(signature.Inputs.Select(input => input.Name))}.";

    // Old exporters list every weight as an input: an answer names a few and counts the rest.
    private static string List(IEnumerable<string> names)
    {
        const int Named = 20;
        string[] all = [.. names];
        string first = string.Join(", ", all.Take(Named).Select(name => $"'{name}'"));
        return all.Length > Named ? $"{first} and {all.Length - Named} more" : first;
    }

    private static bool IsRepeated(IReadOnlyList<NamedTensor> inputs, int index)
    {
        for (int i = 0; i < index; i++)
        {
            if (inputs[i].Name == inputs[index].Name)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a tensor of this type and shape fits the input; if not, adds the fault. For readers that know both before the data:
    /// what does not fit need not be read.
    /// </summary>
    public static bool CheckTensor(TensorSpec spec, TensorType type, ReadOnlySpan<long> shape, FaultList faults)
    {
        if (type == spec.Type && spec.Accepts(shape))
        {
            return true;
        }

        string expected = $"{spec.Type.Name()} {spec.FormatDimensions()}";
        string got = $"{type.Name()} {TensorShape.Format(shape)}";
        faults.Add(spec.Name, $"Input '{spec.Name}' expects {expected}, but got {got}.", expected, got);
        return false;
    }

    private static void CheckRows(TensorSpec spec, ModelLimits limits, ReadOnlySpan<long> shape, FaultList faults)
    {
        bool isFree = spec.Dimensions is null or [-1, ..];
        if (limits.MaxBatchSize is { } most && isFree && !shape.IsEmpty && shape[0] > most)
        {
            faults.Add(
                spec.Name, $"Input '{spec.Name}' has {shape[0]} rows, but the model takes at most {most} at a time.", $"at most {most} rows", $"{shape[0]} rows");
        }
    }

    // By index: enumerators and closures over a request would be most of what a small one allocates here.
    private static void CheckMissing(ModelSignature signature, PredictRequest request, FaultList faults, IReadOnlySet<string>? faulty)
    {
        for (int i = 0; i < signature.Inputs.Count; i++)
        {
            TensorSpec spec = signature.Inputs[i];
            if (!spec.Optional && !IsGiven(request.Inputs, spec.Name) && faulty?.Contains(spec.Name) != true)
            {
                string expected = $"{spec.Type.Name()} {spec.FormatDimensions()}";
                faults.Add(spec.Name, $"Input '{spec.Name}' is missing; it expects {expected}.", expected, "nothing");
            }
        }
    }

    private static bool IsGiven(IReadOnlyList<NamedTensor> inputs, string name)
    {
        for (int i = 0; i < inputs.Count; i++)
        {
            if (inputs[i].Name == name)
            {
                return true;
            }
        }

        return false;
    }

    private static void CheckOutputs(ModelSignature signature, PredictRequest request, FaultList faults)
    {
        if (request.Outputs is null)
        {
            return;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in request.Outputs)
        {
            if (signature.IndexOfOutput(name) < 0)
            {
                faults.Add(name, faults.IsFull ? "" : UnknownOutput(signature, name));
            }
            else if (!seen.Add(name))
            {
                faults.Add(name, $"Output '{name}' is asked for more than once.");
            }
        }
    }

    private static string UnknownOutput(ModelSignature signature, string name) =>
        $"The model has no output '{NameSuggestion.Shorten(name)}'.{NameSuggestion.For(name, signature.Outputs.Select(output => output.Name))} "
        + $"Its outputs are {List(signature.Outputs.Select(output => output.Name))}.";
}
