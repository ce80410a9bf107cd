using System.Globalization;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>One output as it is answered.</summary>
internal readonly record struct AnswerTensor(string Name, Tensor Tensor, bool IsBinary);

/// <summary>
/// The outputs of an answer, in its order. Most are the response's own tensors; those made here (classes) are given back by disposing.
/// </summary>
internal sealed class InferAnswer : IDisposable
{
    private readonly List<AnswerTensor> _tensors = new(1);

    // Made when there is one: few answers have classes.
    private List<Tensor>? _made;

    public IReadOnlyList<AnswerTensor> Tensors => _tensors;

    /// <summary>The answer has the binary form. So has one without tensors (an empty sequence) where they were to be binary: its caller looks for the header.</summary>
    public bool IsBinary { get; private set; }

    /// <summary>Collects what was asked for; an error if that cannot be answered in the form asked for.</summary>
    public PredictError? Collect(InferRequest request, PredictResponse response, Servable servable)
    {
        IReadOnlyList<WireOutput> all = request.Outputs is null ? WireOutputs.Of(servable.Signature).All : [];
        for (int i = 0; i < all.Count; i++)
        {
            Add(all[i], Find(response, all[i]), request.IsBinaryByDefault);
        }

        for (int i = 0; i < request.Outputs?.Count; i++)
        {
            RequestedOutput asked = request.Outputs[i];
            OutputValue value = Find(response, asked.Output);
            bool isBinary = asked.IsBinary ?? request.IsBinaryByDefault;
            if (asked.Classes == 0)
            {
                Add(asked.Output, value, isBinary);
            }
            else if (AddClasses(asked, value, servable, isBinary) is { } error)
            {
                return error;
            }
        }

        IsBinary = _tensors.Count == 0 ? request.IsBinaryByDefault : _tensors.Exists(static tensor => tensor.IsBinary);
        return _tensors.Find(static tensor => !tensor.IsBinary && !JsonTensorWriter.CanFlatten(tensor.Tensor)) is { Name: { } name } ? NotText(name) : null;
    }

    public void Dispose() => _made?.ForEach(static tensor => tensor.Dispose());

    private static PredictError NotText(string output) => new(
        PredictErrorKind.InvalidRequest,
        $"Output '{output}' has bytes that are no UTF-8 text, so they cannot be answered as JSON; ask for them with the output's parameter binary_data, or binary_data_output for all outputs.");

    private static OutputValue Find(PredictResponse response, WireOutput output)
    {
        foreach (OutputValue value in response.Outputs)
        {
            if (value.Name == output.Source.Name)
            {
                return value;
            }
        }

        throw new InvalidOperationException($"The run gave no output '{output.Source.Name}'.");
    }

    private void Add(WireOutput output, OutputValue value, bool isBinary)
    {
        if (output.Part == WirePart.Elements)
        {
            for (int i = 0; i < value.Tensors.Count; i++)
            {
                _tensors.Add(new AnswerTensor(output.ElementPrefix + i.ToString(CultureInfo.InvariantCulture), value.Tensors[i], isBinary));
            }

            return;
        }

        _tensors.Add(new AnswerTensor(output.Name, output.Part == WirePart.Labels ? value.Labels! : value.Values, isBinary));
    }

    private PredictError? AddClasses(RequestedOutput asked, OutputValue value, Servable servable, bool isBinary)
    {
        string name = asked.Output.Name;
        if (value.Values.Shape.Length == 0)
        {
            return new PredictError(PredictErrorKind.InvalidRequest, $"Output '{name}' cannot be classified: it is a scalar.");
        }

        // The columns of maps stand in the order of their labels, whatever the classes' own order is: a list by class does not fit them.
        IReadOnlyList<string> labels = value.Labels is null ? servable.ClassLabels.GetValueOrDefault(asked.Output.Source.Name) ?? [] : LabelsOf(value.Labels);
        Tensor classes = Classification.Rank(value.Values, asked.Classes, index => index < labels.Count ? labels[index] : null);
        (_made ??= []).Add(classes);
        _tensors.Add(new AnswerTensor(name, classes, isBinary));
        return null;
    }

    private static List<string> LabelsOf(Tensor labels) => labels.Type == TensorType.Bytes
        ? labels.ToStrings()
        : [.. labels.AsSpan<long>().ToArray().Select(label => label.ToString(CultureInfo.InvariantCulture))];
}
