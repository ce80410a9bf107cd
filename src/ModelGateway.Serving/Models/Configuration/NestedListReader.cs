using System.Globalization;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>
/// Reads nested lists as a tensor whose type is not known yet. The first way down to a scalar, or to an empty list, says
/// the shape; everything after it must agree. It stops at the first fault: one missing bracket makes all that follows ragged.
/// </summary>
internal sealed class NestedListReader
{
    // So many can be written down; more are made up with {shape, fill}.
    private const int MostElements = 65_536;

    private readonly List<long> _shape = [];
    private readonly List<string> _scalars = [];
    private bool _isShapeKnown;

    private NestedListReader()
    {
    }

    /// <summary>Null if it has reported an error.</summary>
    public static WarmupInput.Literal? Read(ConfigCursor at)
    {
        var reader = new NestedListReader();
        return reader.TryRead(at, 0) ? new WarmupInput.Literal(reader._shape, reader._scalars) : null;
    }

    private bool TryRead(ConfigCursor at, int depth) => at.Node switch
    {
        ConfigNode.Sequence list => TryReadList(at, list, depth),
        ConfigNode.Scalar { Kind: not ConfigNode.ScalarKind.Null } scalar => TryReadScalar(at, scalar, depth),
        _ => at.Expects("a number, true, false, a text, or a list of these"),
    };

    private bool TryReadList(ConfigCursor at, ConfigNode.Sequence list, int depth)
    {
        int length = list.Items.Count;
        if (!_isShapeKnown)
        {
            _shape.Add(length);
            _isShapeKnown = length == 0;
        }
        else if (depth >= _shape.Count || _shape[depth] != length)
        {
            return at.Fail(string.Create(CultureInfo.InvariantCulture, $"is ragged: {Expected(depth)}, but this is a list of {length}"));
        }

        for (int i = 0; i < length; i++)
        {
            if (!TryRead(at.Of(list, i), depth + 1))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryReadScalar(ConfigCursor at, ConfigNode.Scalar scalar, int depth)
    {
        _isShapeKnown = true;
        if (depth != _shape.Count)
        {
            return at.Fail($"is ragged: {Expected(depth)}, but this is {scalar.Describe()}");
        }

        _scalars.Add(Normalize(scalar));
        return _scalars.Count <= MostElements
            || at.Fail(string.Create(CultureInfo.InvariantCulture, $"has more than {MostElements} elements; write {{shape: [...], fill: random}} instead"));
    }

    private string Expected(int depth)
    {
        string next = depth < _shape.Count ? string.Create(CultureInfo.InvariantCulture, $"a list of {_shape[depth]}") : "a number, true, false or a text";
        return $"the shape so far is {TensorShape.Format([.. _shape])}, so {next} is expected";
    }

    // YAML's spellings of booleans and of what is not a number become those that TensorFiller reads.
    private static string Normalize(ConfigNode.Scalar scalar) => scalar.Kind switch
    {
        ConfigNode.ScalarKind.Boolean => scalar.IsFalse ? "false" : "true",
        ConfigNode.ScalarKind.Number when scalar.Text.EndsWith("inf", StringComparison.OrdinalIgnoreCase) => scalar.Text[0] == '-' ? "-Infinity" : "Infinity",
        ConfigNode.ScalarKind.Number when scalar.Text.EndsWith("nan", StringComparison.OrdinalIgnoreCase) => "NaN",
        _ => scalar.Text,
    };
}
