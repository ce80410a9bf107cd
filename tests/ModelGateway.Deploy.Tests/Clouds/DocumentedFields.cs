using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Clouds;

/// <summary>The fields of a template as paths, to be held against those that a cloud documents.</summary>
internal static class DocumentedFields
{
    /// <summary>Every leaf of a JSON file, <c>model.containerSpec.ports[].containerPort</c>.</summary>
    public static IReadOnlyList<string> OfJson(JsonElement element, string path = "") => element.ValueKind switch
    {
        JsonValueKind.Object => [.. element.EnumerateObject().SelectMany(member => OfJson(member.Value, path.Length == 0 ? member.Name : $"{path}.{member.Name}"))],
        JsonValueKind.Array => [.. element.EnumerateArray().SelectMany(item => OfJson(item, path + "[]"))],
        _ => [path],
    };

    /// <summary>Every leaf of a YAML file.</summary>
    public static IReadOnlyList<string> OfYaml(YamlNode node, string path = "") => node switch
    {
        YamlMappingNode map => [.. map.Children.SelectMany(member => OfYaml(member.Value, path.Length == 0 ? member.Key.ToString() : $"{path}.{member.Key}"))],
        YamlSequenceNode list => [.. list.Children.SelectMany(item => OfYaml(item, path + "[]"))],
        _ => [path],
    };
}
