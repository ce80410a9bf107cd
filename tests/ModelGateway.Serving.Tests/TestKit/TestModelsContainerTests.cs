using Microsoft.ML.OnnxRuntime;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

/// <summary>The ready-made models whose inputs or outputs are not plain tensors.</summary>
public sealed class TestModelsContainerTests
{
    [Fact]
    public void ZipMap_StringLabels_AnswersOneMapARow()
    {
        using OrtRun run = new OrtRun(TestModels.ZipMap("cat", "dög", "")).Input("x", [2, 3], 0.1f, 0.2f, 0.7f, 3f, 2f, 1f);

        Assert.Equal(["", "cat"], run.Output(0).GetStringTensorAsArray());
        Assert.Equal([[("", 0.7f), ("cat", 0.1f), ("dög", 0.2f)], [("", 1f), ("cat", 3f), ("dög", 2f)]], ReadMaps(run.Output(1), keys => keys.GetStringTensorAsArray()));
    }

    [Fact]
    public void ZipMap_Int64Labels_AnswersOneMapARow()
    {
        using OrtRun run = new OrtRun(TestModels.ZipMap(-1L, 1L << 60)).Input("x", [1, 2], 0.25f, 0.75f);

        Assert.Equal([1L << 60], run.Output<long>(0));
        Assert.Equal([[(-1L, 0.25f), (1L << 60, 0.75f)]], ReadMaps(run.Output(1), keys => keys.GetTensorDataAsSpan<long>().ToArray()));
    }

    [Fact]
    public void SplitToSequence_Run_AnswersItsRows()
    {
        using OrtRun run = new OrtRun(TestModels.SplitToSequence()).Input("x", [2, 2], 1f, 2f, 3f, 4f);
        var rows = new List<float[]>();

        run.Output().ProcessSequence((row, _) => rows.Add(row.GetTensorDataAsSpan<float>().ToArray()), OrtAllocator.DefaultInstance);

        Assert.Equal([[1f, 2f], [3f, 4f]], rows);
    }

    [Fact]
    public void SequenceInput_Loaded_SaysSoAndRuns()
    {
        using OrtValue first = OrtValue.CreateTensorValueFromMemory([1f], [1]);
        using OrtValue second = OrtValue.CreateTensorValueFromMemory([2f, 3f], [2]);
        using OrtRun run = new OrtRun(TestModels.SequenceInput()).Input("parts", OrtValue.CreateSequence([first, second]));

        Assert.Equal(OnnxValueType.ONNX_TYPE_SEQUENCE, run.Session.InputMetadata["parts"].OnnxValueType);
        Assert.Equal([1f, 2f, 3f], run.Output<float>());
    }

    [Fact]
    public void MapInput_Loaded_SaysSo()
    {
        using var run = new OrtRun(TestModels.MapInput());

        Assert.Equal(OnnxValueType.ONNX_TYPE_MAP, run.Session.InputMetadata["features"].OnnxValueType);
    }

    [Fact]
    public void OptionalTypes_Loaded_SaySo()
    {
        using var input = new OrtRun(TestModels.OptionalTypeInput());
        using var output = new OrtRun(TestModels.OptionalTypeOutput());

        Assert.Equal(OnnxValueType.ONNX_TYPE_OPTIONAL, input.Session.InputMetadata["x"].OnnxValueType);
        Assert.Equal(OnnxValueType.ONNX_TYPE_OPTIONAL, output.Session.OutputMetadata["y"].OnnxValueType);
    }

    private static List<List<(T Label, float Score)>> ReadMaps<T>(OrtValue sequence, Func<OrtValue, T[]> readKeys)
    {
        var rows = new List<List<(T, float)>>();
        sequence.ProcessSequence(
            (map, _) => map.ProcessMap(
                (keys, values) => rows.Add([.. readKeys(keys).Zip(values.GetTensorDataAsSpan<float>().ToArray())]),
                OrtAllocator.DefaultInstance),
            OrtAllocator.DefaultInstance);
        return rows;
    }
}
