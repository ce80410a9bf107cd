using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Serving.Tests.Children;

/// <summary>What the test assembly does when it is started as a program: see <see cref="ChildProcess"/>.</summary>
internal static class Program
{
    internal const string RunModel = "run-model";
    internal const string LoadModels = "load-models";

    private static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case [RunModel, string folder, string seconds]:
                RunFor(folder, TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
                return 0;
            case [LoadModels, string count]:
                await LoadAsync(int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            default:
                await Console.Error.WriteLineAsync("This is a program for the tests themselves; run them with dotnet test.");
                return 64;
        }
    }

    /// <summary>Runs the model in a folder again and again, through nothing but the runtime.</summary>
    private static void RunFor(string folder, TimeSpan duration)
    {
        var runtime = new OnnxModelRuntime(new OnnxOptions(), NullLogger<OnnxModelRuntime>.Instance);
        using IModelInstance instance = runtime.Load(new ModelArtifact(folder, "", 1000), ModelConfig.Default, CancellationToken.None);
        using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, 1], [1f]);
        int runs = 0;
        for (DateTime end = DateTime.UtcNow + duration; DateTime.UtcNow < end; runs++)
        {
            foreach (OutputValue output in instance.Run([new NamedTensor("x", x)], null, CancellationToken.None))
            {
                output.Dispose();
            }
        }

        Console.WriteLine($"{runs} runs");
    }

    /// <summary>Loads two models, shows this process's threads, loads many more and shows them again.</summary>
    private static async Task LoadAsync(int count)
    {
        using var serving = new ServingHarness();
        for (int i = 0; i < count; i++)
        {
            serving.Add($"model-{i}", 1, TestModels.LargeWeights(100_000), ("data.bin", new byte[1 << 20]));
            if (i is 1)
            {
                await serving.ScanAndSettleAsync();
                ShowThreads("before");
            }
        }

        await serving.ScanAndSettleAsync();
        Console.WriteLine($"loaded {serving.Manager.ServablesInMemory}");
        ShowThreads("after");
    }

    // Nice is the 19th field of proc_pid_stat(5), the 17th after the name, which is in brackets and may hold anything.
    private static void ShowThreads(string when)
    {
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            string stat = File.ReadAllText(Path.Combine(task, "stat"));
            string name = stat[(stat.IndexOf('(') + 1)..stat.LastIndexOf(')')];
            string nice = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16];
            Console.WriteLine($"{when}\t{name}\t{nice}");
        }
    }
}
