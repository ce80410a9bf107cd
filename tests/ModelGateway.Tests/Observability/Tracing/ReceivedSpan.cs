using System.Globalization;
using System.Text;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>A span as a collector receives it (opentelemetry/proto/trace/v1/trace.proto).</summary>
/// <param name="Resource">Attributes of the process.</param>
/// <param name="Source">Name of the instrumentation scope.</param>
/// <param name="TraceId">32 hexadecimal digits.</param>
/// <param name="Id">16 hexadecimal digits.</param>
/// <param name="ParentId">As the id; empty for a root.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">1 internal, 2 server, 3 client.</param>
/// <param name="Start">Nanoseconds since 1970.</param>
/// <param name="End">Nanoseconds since 1970.</param>
/// <param name="Attributes">Values as text.</param>
/// <param name="Status">0 unset, 1 ok, 2 error.</param>
internal sealed record ReceivedSpan(
    IReadOnlyDictionary<string, string> Resource, string Source, string TraceId, string Id, string ParentId, string Name, int Kind, ulong Start, ulong End,
    IReadOnlyDictionary<string, string> Attributes, int Status)
{
    /// <summary>The spans of an <c>ExportTraceServiceRequest</c>.</summary>
    public static IEnumerable<ReceivedSpan> Read(ReadOnlyMemory<byte> request)
    {
        foreach (List<ProtobufField> resourceSpans in Messages(ProtobufField.Read(request), 1))
        {
            Dictionary<string, string> resource = ReadAttributes(Messages(resourceSpans, 1).Single(), 1);
            foreach (List<ProtobufField> scopeSpans in Messages(resourceSpans, 2))
            {
                string source = TextOf(Messages(scopeSpans, 1).Single(), 1);
                foreach (List<ProtobufField> span in Messages(scopeSpans, 2))
                {
                    yield return Read(resource, source, span);
                }
            }
        }
    }

    private static ReceivedSpan Read(Dictionary<string, string> resource, string source, List<ProtobufField> span) => new(
        resource, source, HexOf(span, 1), HexOf(span, 2), HexOf(span, 4), TextOf(span, 5), (int)NumberOf(span, 6), NumberOf(span, 7), NumberOf(span, 8),
        ReadAttributes(span, 9), Messages(span, 15).Select(status => (int)NumberOf(status, 3)).SingleOrDefault());

    private static Dictionary<string, string> ReadAttributes(List<ProtobufField> fields, int number) =>
        Messages(fields, number).ToDictionary(attribute => TextOf(attribute, 1), attribute => ReadValue(Messages(attribute, 2).Single()));

    // AnyValue: text, a boolean or a whole number; there are no others here.
    private static string ReadValue(List<ProtobufField> value) => value.Single() switch
    {
        { Number: 1 } text => Encoding.UTF8.GetString(text.Bytes.Span),
        { Number: 2 } flag => flag.Value == 1 ? "true" : "false",
        { Number: 3 } number => ((long)number.Value).ToString(CultureInfo.InvariantCulture),
        { Number: var other } => throw new InvalidDataException($"An attribute has a value of kind {other}."),
    };

    private static IEnumerable<List<ProtobufField>> Messages(List<ProtobufField> fields, int number) =>
        fields.Where(field => field.Number == number).Select(field => ProtobufField.Read(field.Bytes));

    private static string TextOf(List<ProtobufField> fields, int number) => Encoding.UTF8.GetString(BytesOf(fields, number).Span);

    private static string HexOf(List<ProtobufField> fields, int number) => Convert.ToHexStringLower(BytesOf(fields, number).Span);

    private static ReadOnlyMemory<byte> BytesOf(List<ProtobufField> fields, int number) => fields.Where(field => field.Number == number).Select(field => field.Bytes).LastOrDefault();

    private static ulong NumberOf(List<ProtobufField> fields, int number) => fields.Where(field => field.Number == number).Select(field => field.Value).LastOrDefault();
}
