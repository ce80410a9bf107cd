using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>The rows of requests, along the first dimension.</summary>
internal static class RunRows
{
    /// <summary>The first dimension of the first input; at least 1, also where it has none.</summary>
    public static long Of(IReadOnlyList<NamedTensor> inputs) => inputs.Count > 0 && inputs[0].Tensor.Shape is [> 0 and var rows, ..] ? rows : 1;

    /// <summary>Whether every input has the same number of rows, so that others' rows may follow. Not so where optional inputs are given.</summary>
    public static bool CanBeJoined(IReadOnlyList<NamedTensor> inputs, ModelSignature signature)
    {
        if (inputs.Count == 0 || inputs[0].Tensor.Shape is not [> 0 and var rows, ..])
        {
            return false;
        }

        for (int i = 0; i < inputs.Count; i++)
        {
            if (inputs[i].Tensor.Shape is not [var others, ..] || others != rows || signature.Inputs[signature.IndexOfInput(inputs[i].Name)].Optional)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether two requests that can be joined can be joined with each other: equal inputs in the same order but for the rows, equal outputs asked for.</summary>
    public static bool Fit(PendingRun one, PendingRun two)
    {
        if (one.Inputs.Count != two.Inputs.Count || !AskForTheSame(one.Outputs, two.Outputs))
        {
            return false;
        }

        for (int i = 0; i < one.Inputs.Count; i++)
        {
            (string name, Tensor tensor) = one.Inputs[i];
            (string otherName, Tensor other) = two.Inputs[i];
            if (tensor.Type != other.Type || name != otherName || !tensor.Shape.AsSpan(1).SequenceEqual(other.Shape.AsSpan(1)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AskForTheSame(IReadOnlyList<string>? one, IReadOnlyList<string>? two)
    {
        if (one is null || two is null)
        {
            return ReferenceEquals(one, two);
        }

        bool isSame = one.Count == two.Count;
        for (int i = 0; isSame && i < one.Count; i++)
        {
            isSame = one[i] == two[i];
        }

        return isSame;
    }
}
