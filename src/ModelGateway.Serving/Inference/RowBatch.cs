using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>A request whose inputs are cut along their first dimension.</summary>
internal sealed class RowBatch
{
    // Beyond this, looking for each row costs more than one look for all can save.
    private const int MostRows = 4096;

    private RowBatch(IReadOnlyList<TensorRows> inputs) => Inputs = inputs;

    /// <summary>In the order of their names.</summary>
    public IReadOnlyList<TensorRows> Inputs { get; }

    public int Count => Inputs[0].Count;

    /// <summary>Null where the inputs have no rows in common, or too few or too many to be worth it. A single row is remembered as a request of its own, under the same key.</summary>
    /// <param name="inputs">Of the request.</param>
    /// <param name="signature">Of the model: that its rows are independent is known of requests without optional inputs only.</param>
    public static RowBatch? TryCut(IReadOnlyList<NamedTensor> inputs, ModelSignature signature)
    {
        if (inputs.Count == 0 || inputs[0].Tensor.Shape is not [>= 2 and <= MostRows and var rows, ..])
        {
            return null;
        }

        for (int i = 0; i < inputs.Count; i++)
        {
            if (inputs[i].Tensor.Shape is not [var others, ..] || others != rows || signature.Inputs[signature.IndexOfInput(inputs[i].Name)].Optional)
            {
                return null;
            }
        }

        return new RowBatch([.. inputs.OrderBy(input => input.Name, StringComparer.Ordinal).Select(input => new TensorRows(input.Name, input.Tensor))]);
    }
}
