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
    /// <param name="instance">What is warmed up.</param>
    /// <param name="config">Says with what.</param>
    /// <param name="longestRun">A run is stopped then: a loader thread must not hang in a loop of some model's.</param>
    /// <param name="skipped">Told why no made-up request ran.</param>
    /// <param name="cancellationToken">Calls the load off.</param>
    /// <returns>Inputs that ran; empty where none did.</returns>
    /// <exception cref="ModelLoadException">A configured request does not fit or fails.</exception>
    public static IReadOnlyList<NamedTensor> Run(
        IModelInstance instance, ModelConfig config, TimeSpan longestRun, Action<string> skipped, CancellationToken cancellationToken)
    {
        if (!config.Warmup.Enabled)
        {
            return [];
        }

        return config.Warmup.Requests.Count > 0
            ? RunConfigured(instance, config.Warmup.Requests, longestRun, cancellationToken)
            : RunMadeUp(instance, longestRun, skipped, cancellationToken);
    }

    // A run that takes too long fails like one that goes wrong.
    private static void Run(IModelInstance instance, List<NamedTensor> inputs, TimeSpan longest, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        try
        {
            foreach (OutputValue output in instance.Run(inputs, null, limit.Token))
            {
                output.Dispose();
            }
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ModelRunException($"it did not end within {longest.TotalSeconds:0.###} seconds", inputAtFault: false, exception);
        }
    }

    private static List<NamedTensor> RunConfigured(
        IModelInstance instance, IReadOnlyList<WarmupRequest> requests, TimeSpan longestRun, CancellationToken cancellationToken)
    {
        List<NamedTensor>? example = null;
        foreach (WarmupRequest request in requests)
        {
            List<NamedTensor> inputs = MakeInputs(instance.Signature, request);
            try
            {
                for (int i = 0; i < request.Count; i++)
                {
                    Run(instance, inputs, longestRun, cancellationToken);
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

    private static List<NamedTensor> RunMadeUp(IModelInstance instance, TimeSpan longestRun, Action<string> skipped, CancellationToken cancellationToken)
    {
        // A wrong rank is more than an error to some of ONNX Runtime's kernels: Einsum ends the process.
        if (instance.Signature.Inputs.Any(input => input is { Dimensions: null, Optional: false }))
        {
            skipped("an input has no declared shape.");
            return [];
        }

        string reason = "its inputs are too large to make up.";
        bool hasFreeDimension = instance.Signature.Inputs.Any(input => input.Dimensions?.Contains(-1) == true);
        foreach (long length in hasFreeDimension ? Lengths : Lengths.AsSpan(0, 1).ToArray())
        {
            List<NamedTensor>? inputs = MakeUp(instance.Signature, length);
            if (inputs is null)
            {
                break;
            }

            try
            {
                Run(instance, inputs, longestRun, cancellationToken);
                return inputs;
            }
            catch (ModelRunException exception)
            {
                reason = $"made-up inputs fail ({exception.Message}).";
                if (exception.InnerException is OperationCanceledException)
                {
                    // Longer inputs take no less time.
                    break;
                }
            }
        }

        skipped(reason);
        return [];
    }

    /// <summary>
    /// Zeros for every required input, of which each must have a declared shape. The first free dimension of a matrix or more is the batch as
    /// a rule and stays 1, wherever its name stands; other free dimensions get the length given. Null where that would be too large.
    /// </summary>
    public static List<NamedTensor>? MakeUp(ModelSignature signature, long length)
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
}
