using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Runs a version before its first request, so that nobody pays for lazy set-up, and finds inputs that work for its documentation.</summary>
internal static class Warmup
{
    // Free dimensions are tried at these lengths until a run succeeds: convolutions and windows refuse a length of 1.
    private static readonly long[] Lengths = [1, 2, 8, 32, 128, 224];
    private const long LargestMadeUpInput = 4 << 20;

    /// <summary>Runs the configured requests, or a made-up one.</summary>
    /// <returns>Inputs that ran; empty where none did.</returns>
    /// <exception cref="ModelLoadException">A configured request does not fit or fails.</exception>
    public static IReadOnlyList<NamedTensor> Run(IModelInstance instance, ModelConfig config, Action<string> skipped, CancellationToken cancellationToken)
    {
        if (!config.Warmup.Enabled)
        {
            return [];
        }

        return config.Warmup.Requests.Count > 0 ? RunConfigured(instance, config.Warmup.Requests, cancellationToken) : RunMadeUp(instance, skipped, cancellationToken);
    }

    private static List<NamedTensor> RunConfigured(IModelInstance instance, IReadOnlyList<WarmupRequest> requests, CancellationToken cancellationToken)
    {
        List<NamedTensor>? example = null;
        foreach (WarmupRequest request in requests)
        {
            List<NamedTensor> inputs = MakeInputs(instance.Signature, request);
            try
            {
                for (int i = 0; i < request.Count; i++)
                {
                    Dispose(instance.Run(inputs, null, cancellationToken));
                }
            }
            catch (ModelRunException exception)
            {
                throw new ModelLoadException($"A warm-up request of model.yaml fails: {exception.Message}", exception);
            }

            example ??= inputs;
        }

        return example ?? [];
    }

    private static List<NamedTensor> MakeInputs(ModelSignature signature, WarmupRequest request)
    {
        foreach (string name in request.Inputs.Keys.Where(name => signature.IndexOfInput(name) < 0))
        {
            throw new ModelLoadException(
                $"model.yaml: warmup names an input '{name}' that the model does not have.{NameSuggestion.For(name, signature.Inputs.Select(input => input.Name))}");
        }

        var inputs = new List<NamedTensor>();
        foreach (TensorSpec spec in signature.Inputs)
        {
            if (request.Inputs.TryGetValue(spec.Name, out WarmupInput? input))
            {
                inputs.Add(new NamedTensor(spec.Name, MakeTensor(spec, input)));
            }
            else if (!spec.Optional)
            {
                throw new ModelLoadException($"model.yaml: a warmup request gives no input '{spec.Name}'.");
            }
        }

        return inputs;
    }

    private static Tensor MakeTensor(TensorSpec spec, WarmupInput input)
    {
        try
        {
            Tensor tensor = input.ToTensor(spec);
            return spec.Accepts(tensor.Shape)
                ? tensor
                : throw new ModelLoadException(
                    $"model.yaml: the warmup input '{spec.Name}' has the shape {TensorShape.Format(tensor.Shape)}, the model expects {spec.FormatDimensions()}.");
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            throw new ModelLoadException($"model.yaml: the warmup input '{spec.Name}' does not fit: {exception.Message}", exception);
        }
    }

    private static List<NamedTensor> RunMadeUp(IModelInstance instance, Action<string> skipped, CancellationToken cancellationToken)
    {
        // A wrong rank is more than an error to some of ONNX Runtime's kernels: Einsum ends the process.
        if (instance.Signature.Inputs.Any(input => input is { Dimensions: null, Optional: false }))
        {
            skipped("an input has no declared shape.");
            return [];
        }

        string reason = "its inputs are too large to make up.";
        bool hasFreeDimension = instance.Signature.Inputs.Any(input => input.Dimensions!.Contains(-1));
        foreach (long length in hasFreeDimension ? Lengths : Lengths.AsSpan(0, 1).ToArray())
        {
            List<NamedTensor>? inputs = MakeUp(instance.Signature, length);
            if (inputs is null)
            {
                break;
            }

            try
            {
                Dispose(instance.Run(inputs, null, cancellationToken));
                return inputs;
            }
            catch (ModelRunException exception)
            {
                reason = $"made-up inputs fail ({exception.Message}).";
            }
        }

        skipped(reason);
        return [];
    }

    // Zeros. The first free dimension of a matrix or more is the batch as a rule and stays 1, wherever its name stands.
    private static List<NamedTensor>? MakeUp(ModelSignature signature, long length)
    {
        HashSet<string> batch = [.. signature.Inputs
            .Where(spec => spec.Dimensions is [-1, _, ..] && spec.DimensionNames.Count > 0 && spec.DimensionNames[0].Length > 0)
            .Select(spec => spec.DimensionNames[0])];
        var inputs = new List<NamedTensor>();
        foreach (TensorSpec spec in signature.Inputs.Where(spec => !spec.Optional))
        {
            long[] dimensions = spec.Dimensions!;
            bool IsBatch(int index) =>
                (index == 0 && dimensions.Length > 1) || (index < spec.DimensionNames.Count && batch.Contains(spec.DimensionNames[index]));
            long[] shape = [.. dimensions.Select((dimension, index) => dimension >= 0 ? dimension : IsBatch(index) ? 1 : length)];
            if (!TensorShape.TryCountElements(shape, out long count) || count > LargestMadeUpInput)
            {
                return null;
            }

            inputs.Add(new NamedTensor(spec.Name, TensorFiller.Fill(spec.Type, shape, WarmupFill.Zero)));
        }

        return inputs;
    }

    private static void Dispose(IReadOnlyList<OutputValue> outputs)
    {
        foreach (OutputValue output in outputs)
        {
            output.Dispose();
        }
    }
}
