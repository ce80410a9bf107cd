using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Rows of maps whose labels differ, which no operator of today makes but the format allows.</summary>
public sealed class MapRowsTests
{
    [Fact]
    public void ToTable_SameLabelsInAnotherOrder_AreSortedIntoColumns()
    {
        (Tensor labels, Tensor values) = Table(Spec(TensorType.Fp32), (["a", "b"], [1f, 2f]), (["b", "a"], [3f, 4f]));

        Assert.Equal(["a", "b"], labels.ToStrings());
        Assert.Equal([2, 2], values.Shape);
        Assert.Equal([1f, 2f, 4f, 3f], values.AsSpan<float>());
    }

    [Fact]
    public void ToTable_MissingLabels_AreNaNZeroOrEmpty()
    {
        (_, Tensor floats) = Table(Spec(TensorType.Fp32), (["a"], [1f]), (["b"], [2f]), ([], []));
        (_, Tensor doubles) = Table(Spec(TensorType.Fp64), (["a"], [1.0]), (["b"], [2.0]));
        (_, Tensor longs) = Table(Spec(TensorType.Int64), (["a"], [1L]), (["b"], [2L]));

        Assert.Equal([3, 2], floats.Shape);
        Assert.Equal([1f, float.NaN, float.NaN, 2f, float.NaN, float.NaN], floats.AsSpan<float>());
        Assert.Equal([1.0, double.NaN, double.NaN, 2.0], doubles.AsSpan<double>());
        Assert.Equal([1L, 0L, 0L, 2L], longs.AsSpan<long>());
    }

    [Fact]
    public void ToTable_MissingStrings_AreEmpty()
    {
        var spec = new OutputSpec(OutputKind.MapSequence, new TensorSpec("m", TensorType.Bytes, [-1, -1])) { LabelType = TensorType.Int64 };
        using var rows = new MapRows(spec);
        rows.Add(Tensor.Create<long>(TensorType.Int64, [1], [7]), Tensor.FromStrings([1], ["x"]));
        rows.Add(Tensor.Create<long>(TensorType.Int64, [1], [8]), Tensor.FromStrings([1], ["y"]));

        (Tensor labels, Tensor values) = rows.ToTable();

        Assert.Equal([7L, 8L], labels.AsSpan<long>());
        Assert.Equal(["x", "", "", "y"], values.ToStrings());
    }

    private static (Tensor Labels, Tensor Values) Table<T>(OutputSpec spec, params (string[] Labels, T[] Values)[] maps)
        where T : unmanaged
    {
        using var rows = new MapRows(spec);
        foreach ((string[] labels, T[] values) in maps)
        {
            rows.Add(Tensor.FromStrings([labels.Length], labels), Tensor.Create<T>(spec.Values.Type, [values.Length], values));
        }

        return rows.ToTable();
    }

    private static OutputSpec Spec(TensorType values) => new(OutputKind.MapSequence, new TensorSpec("m", values, [-1, -1])) { LabelType = TensorType.Bytes };
}
