using System.Collections.Frozen;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Looks for a node that gives other values on every run: in the graph, in the graphs inside its nodes, and in the functions of the
/// file. Weights are skipped. Operators of other domains than those below are the file's own functions, or need a library that is not
/// here, so that they do not load.
/// </summary>
/// <remarks>
/// A seed makes no difference: ONNX Runtime's generators are seeded when the session is made and move on with every run.
/// <code>
/// ModelProto      7 graph · 25 functions                  FunctionProto    1 name · 7 node · 10 domain
/// GraphProto      1 node · 5 initializer · 11 input       ValueInfoProto   1 name
/// NodeProto       1 input · 2 output · 3 name · 4 op_type · 5 attribute · 7 domain
/// AttributeProto  1 name · 5 t · 6 g · 11 graphs          TensorProto      2 data_type (9: BOOL) · 5 int32_data · 8 name · 9 raw_data
/// </code>
/// </remarks>
internal sealed class NondeterministicNodes
{
    private const int LengthDelimited = 2;
    private const int DeepestNesting = 100;
    private const int MostInputs = 5;
    private const int Bool = 9;

    // Bernoulli is a function of RandomUniformLike in ONNX Runtime; Sampling draws the next token of a language model.
    private static readonly FrozenSet<string> Random = FrozenSet.Create(
        StringComparer.Ordinal,
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
        "com.microsoft.Sampling");

    // Drops something where this input is true. Where it is not given nothing is dropped, and before operator set 12 there is no such
    // input: what ONNX Runtime runs of those sets (7 to 11) only ever hands its input through.
    private static readonly FrozenDictionary<string, int> TrainingMode = new Dictionary<string, int>
    {
        ["Dropout"] = 2,
        ["com.microsoft.BitmaskDropout"] = 2,
        ["com.microsoft.BiasDropout"] = 4,
        ["com.microsoft.BitmaskBiasDropout"] = 4,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private readonly ProtobufReader _reader;

    private NondeterministicNodes(ProtobufReader reader) => _reader = reader;

    /// <summary>One such node for people, for example <c>RandomNormalLike 'noise' in body of Loop 'steps'</c>; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It is not a protobuf message, or its graphs are nested too deeply.</exception>
    public static string? Find(ProtobufReader reader) => new NondeterministicNodes(reader).FindInModel();

    private string? FindInModel()
    {
        while (_reader.TryReadTag(_reader.Length, out int field, out int wireType))
        {
            List<Suspect> suspects = [];
            if (field == 7 && wireType == LengthDelimited)
            {
                suspects = ReadGraph(_reader.ReadEnd(), 0);
            }
            else if (field == 25 && wireType == LengthDelimited)
            {
                suspects = ReadFunction(_reader.ReadEnd());
            }
            else
            {
                _reader.Skip(wireType);
            }

            // Further out nothing is constant.
            if (suspects.Count > 0)
            {
                return suspects[0].Node;
            }
        }

        return null;
    }

    private List<Suspect> ReadGraph(long end, int depth)
    {
        if (depth > DeepestNesting)
        {
            throw new InvalidDataException("The model's graphs are nested too deeply.");
        }

        var scope = new Scope();
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            switch (field)
            {
                case 1 when wireType == LengthDelimited:
                    ReadNode(scope, _reader.ReadEnd(), depth);
                    break;
                case 5 when wireType == LengthDelimited:
                    if (IsFalse(_reader.ReadEnd(), out long name) && name > 0)
                    {
                        scope.False.Add(_reader.ReadStringAt(name));
                    }

                    break;
                case 11 when wireType == LengthDelimited:
                    scope.Inputs.Add(ReadName(_reader.ReadEnd()));
                    break;
                default:
                    _reader.Skip(wireType);
                    break;
            }
        }

        return scope.Left();
    }

    private List<Suspect> ReadFunction(long end)
    {
        var scope = new Scope();
        (string name, string domain) = ("", "");
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            switch (field)
            {
                case 1 when wireType == LengthDelimited:
                    name = _reader.ReadString();
                    break;
                case 7 when wireType == LengthDelimited:
                    ReadNode(scope, _reader.ReadEnd(), 0);
                    break;
                case 10 when wireType == LengthDelimited:
                    domain = _reader.ReadString();
                    break;
                default:
                    _reader.Skip(wireType);
                    break;
            }
        }

        return [.. scope.Left().Select(suspect => suspect.In($"the function {Printable(domain)}.{Printable(name)}"))];
    }

    private void ReadNode(Scope scope, long end, int depth)
    {
        var node = new NodeParts { Operator = "", Domain = "" };
        Span<long> inputs = stackalloc long[MostInputs];
        int count = 0;
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            long position = _reader.Position;
            switch (field)
            {
                case 1 when wireType == LengthDelimited && count < MostInputs:
                    inputs[count++] = position;
                    _reader.Skip(wireType);
                    break;
                case 2 when wireType == LengthDelimited && depth > 0:
                    // Only a graph inside another can hide a constant of the outer one behind a name of its own.
                    node.Output = position;
                    scope.Made.Add(_reader.ReadString());
                    break;
                case 2 when wireType == LengthDelimited:
                    node.Output = position;
                    _reader.Skip(wireType);
                    break;
                case 3 when wireType == LengthDelimited:
                    node.Name = position;
                    _reader.Skip(wireType);
                    break;
                case 4 when wireType == LengthDelimited:
                    node.Operator = _reader.ReadString();
                    break;
                case 5 when wireType == LengthDelimited:
                    ReadAttribute(ref node, _reader.ReadEnd(), depth);
                    break;
                case 7 when wireType == LengthDelimited:
                    node.Domain = _reader.ReadString();
                    break;
                default:
                    _reader.Skip(wireType);
                    break;
            }
        }

        Judge(scope, node, inputs[..count]);
    }

    private void ReadAttribute(ref NodeParts node, long end, int depth)
    {
        long name = 0;
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            switch (field)
            {
                case 1 when wireType == LengthDelimited:
                    name = _reader.Position;
                    _reader.Skip(wireType);
                    break;
                case 5 when wireType == LengthDelimited:
                    node.HoldsFalse |= IsFalse(_reader.ReadEnd(), out _);
                    break;
                case 6 or 11 when wireType == LengthDelimited:
                    foreach (Suspect inner in ReadGraph(_reader.ReadEnd(), depth + 1))
                    {
                        (node.Inner ??= []).Add((inner, name));
                    }

                    break;
                default:
                    _reader.Skip(wireType);
                    break;
            }
        }
    }

    private void Judge(Scope scope, NodeParts node, ReadOnlySpan<long> inputs)
    {
        string name = node.Domain is "" or "ai.onnx" ? node.Operator : $"{node.Domain}.{node.Operator}";
        if (Random.Contains(name))
        {
            scope.Suspects.Add(new Suspect(Describe(node), null));
        }
        else if (TrainingMode.TryGetValue(name, out int index) && index < inputs.Length && _reader.ReadStringAt(inputs[index]) is { Length: > 0 } mode)
        {
            scope.Suspects.Add(new Suspect(Describe(node), mode));
        }
        else if (name == "Constant" && node is { HoldsFalse: true, Output: > 0 })
        {
            scope.False.Add(_reader.ReadStringAt(node.Output));
        }

        foreach ((Suspect inner, long attribute) in node.Inner ?? [])
        {
            scope.Suspects.Add(inner.In($"{TextAt(attribute)} of {Describe(node)}"));
        }
    }

    /// <summary>Whether a tensor is one BOOL, false, in the file itself; and where its name stands, 0 where it has none.</summary>
    private bool IsFalse(long end, out long name)
    {
        name = 0;
        bool isFalse = false;
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field == 2 && wireType == 0)
            {
                if (_reader.ReadVarint() != Bool)
                {
                    _reader.Position = end;
                    return false;
                }
            }
            else if (field is 5 or 9 && wireType == LengthDelimited)
            {
                // One byte either way: int32_data is packed.
                long valueEnd = _reader.ReadEnd();
                isFalse = valueEnd - _reader.Position == 1 && _reader.ReadVarint() == 0;
                _reader.Position = valueEnd;
            }
            else if (field == 5 && wireType == 0)
            {
                isFalse = _reader.ReadVarint() == 0;
            }
            else
            {
                name = field == 8 ? _reader.Position : name;
                _reader.Skip(wireType);
            }
        }

        return isFalse;
    }

    private string ReadName(long end)
    {
        string name = "";
        while (_reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field == 1 && wireType == LengthDelimited)
            {
                name = _reader.ReadString();
            }
            else
            {
                _reader.Skip(wireType);
            }
        }

        return name;
    }

    // Exporters may leave the name out; what the node makes always has one.
    private string Describe(NodeParts node)
    {
        string name = TextAt(node.Name);
        return $"{Printable(node.Operator)} '{(name.Length > 0 ? name : TextAt(node.Output))}'";
    }

    private string TextAt(long position) => position == 0 ? "" : Printable(_reader.ReadStringAt(position));

    private static string Printable(string text) => NameSuggestion.Shorten(string.Concat(text.Where(c => !char.IsControl(c))));

    /// <summary>What is known of a node before its end. Numbers are positions in the file of names that are read only where needed; 0: none.</summary>
    private struct NodeParts
    {
        public string Operator;
        public string Domain;
        public long Name;
        public long Output;
        public bool HoldsFalse;
        public List<(Suspect Suspect, long Attribute)>? Inner;
    }

    /// <param name="Node">For people.</param>
    /// <param name="Mode">The value that must be false for the node to be deterministic; null: it never is.</param>
    private sealed record Suspect(string Node, string? Mode)
    {
        public Suspect In(string where) => this with { Node = $"{Node} in {where}" };
    }

    /// <summary>One graph, or the body of a function.</summary>
    private sealed class Scope
    {
        public List<Suspect> Suspects { get; } = [];

        /// <summary>Names of constants that are false.</summary>
        public HashSet<string> False { get; } = new(StringComparer.Ordinal);

        /// <summary>What comes from outside, and overrides a constant of the same name.</summary>
        public HashSet<string> Inputs { get; } = new(StringComparer.Ordinal);

        /// <summary>What nodes make, constants too.</summary>
        public HashSet<string> Made { get; } = new(StringComparer.Ordinal);

        /// <summary>Those that are not deterministic, and those that depend on a value of the graph around.</summary>
        public List<Suspect> Left() =>
        [
            .. from suspect in Suspects
               let mode = suspect.Mode
               where mode is null || Inputs.Contains(mode) || !False.Contains(mode)
               select mode is not null && (Inputs.Contains(mode) || Made.Contains(mode)) ? suspect with { Mode = null } : suspect,
        ];
    }
}
