using System.Text.Json;
using System.Text.Json.Nodes;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Tests.Samples;

/// <summary>What a shipped sample must answer to its <c>example.json</c>.</summary>
internal static class SampleAnswer
{
    private const double Tolerance = 1e-4;

    /// <summary>The same members and texts, and numbers within 1e-4: relative, or absolute where they are below 1.</summary>
    public static void AssertIs(string model, string answer) =>
        AssertSame(JsonNode.Parse(CheckedInFile.Read($"docs/samples/models/{model}/example.answer.json"))!, JsonNode.Parse(answer)!, "$");

    private static void AssertSame(JsonNode expected, JsonNode got, string path)
    {
        switch (expected)
        {
            case JsonObject members:
                Assert.Equal(members.Select(member => member.Key), got.AsObject().Select(member => member.Key));
                foreach ((string key, JsonNode? member) in members)
                {
                    AssertSame(member!, got[key]!, $"{path}.{key}");
                }

                break;
            case JsonArray items:
                Assert.Equal(items.Count, got.AsArray().Count);
                for (int i = 0; i < items.Count; i++)
                {
                    AssertSame(items[i]!, got[i]!, $"{path}[{i}]");
                }

                break;
            case JsonValue when expected.GetValueKind() == JsonValueKind.Number:
                double wanted = (double)expected;
                Assert.True(Math.Abs((double)got - wanted) <= Tolerance * Math.Max(1, Math.Abs(wanted)), $"{path} is {got} instead of {expected}");
                break;
            default:
                Assert.Equal(expected.ToJsonString(), got.ToJsonString());
                break;
        }
    }
}
