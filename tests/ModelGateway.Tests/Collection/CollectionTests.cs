using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Collection;

/// <summary>
/// Every model of the collection, over HTTP, against the real server: in the Open Inference Protocol as JSON and as binary tensors,
/// and in the native dialect. The expected answers come from numpy and from the ONNX project, not from ONNX Runtime.
/// </summary>
public sealed partial class CollectionTests(CollectionTests.CollectionGateway fixture) : IClassFixture<CollectionTests.CollectionGateway>
{
    [Fact]
    public Task Infer_Json_AnswersAsExpected() => CheckAllAsync(async test =>
    {
        using var content = new StringContent(InferBody(test).ToJsonString(), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await PostAsync($"/v2/models/{test.Model}/infer", content);
        string text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? CompareOutputs(test, JsonNode.Parse(QuoteNonFinite(text))!["outputs"]!.AsArray()) : text;
    });

    [Fact]
    public Task Infer_Binary_AnswersAsExpected() => CheckAllAsync(async test =>
    {
        (byte[] body, int headerLength) = BinaryTensors.WriteRequest(test);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Inference-Header-Content-Length", $"{headerLength}");
        using HttpResponseMessage response = await PostAsync($"/v2/models/{test.Model}/infer", content);
        byte[] answer = await response.Content.ReadAsByteArrayAsync();
        if (!response.IsSuccessStatusCode)
        {
            return Encoding.UTF8.GetString(answer);
        }

        string length = response.Headers.Concat(response.Content.Headers).First(header => header.Key == "Inference-Header-Content-Length").Value.First();
        return CompareOutputs(test, BinaryTensors.ReadResponse(answer, int.Parse(length)));
    });

    [Fact]
    public Task Predict_Native_AnswersAsExpected() => CheckAllAsync(async test =>
    {
        using var content = new StringContent(NativeDialect.WriteRequest(test).ToJsonString(), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await PostAsync($"/predict/{test.Model}", content);
        string text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? NativeDialect.Compare(test, JsonNode.Parse(text)!["outputs"]!.AsObject()) : text;
    });

    private async Task CheckAllAsync(Func<CollectionCase, Task<string?>> check)
    {
        var faults = new ConcurrentBag<string>();
        int count = 0;
        await Parallel.ForEachAsync(CollectionCase.ReadAll(), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (test, _) =>
        {
            Interlocked.Increment(ref count);
            if (await check(test) is { } fault)
            {
                faults.Add($"{test.Model}: {fault}");
            }
        });

        Assert.True(count > 500, $"The collection has {count} cases only.");
        Assert.True(faults.IsEmpty, $"{faults.Count} of {count} differ:{Environment.NewLine}{string.Join(Environment.NewLine, faults.Order().Take(40))}");
    }

    private Task<HttpResponseMessage> PostAsync(string path, HttpContent content) => fixture.Gateway.Client.PostAsync(new Uri(path, UriKind.Relative), content);

    private static JsonObject InferBody(CollectionCase test)
    {
        var inputs = new JsonArray();
        foreach (JsonObject input in test.Inputs)
        {
            JsonNode copy = input.DeepClone();
            copy.AsObject().Remove("dims");
            inputs.Add(copy);
        }

        return new JsonObject { ["id"] = test.Model, ["inputs"] = inputs };
    }

    private static string? CompareOutputs(CollectionCase test, JsonArray outputs)
    {
        Dictionary<string, JsonNode> byName = outputs.ToDictionary(output => (string)output!["name"]!, output => output!);
        foreach (JsonObject wanted in test.Outputs)
        {
            if (OipContainers.Compare(wanted, byName, test.Tolerance) is { } fault)
            {
                return $"output '{wanted["name"]}': {fault}";
            }
        }

        return null;
    }

    // The protocol's clients read bare NaN and Infinity; this test's parser does not.
    private static string QuoteNonFinite(string json) => BareToken().Replace(json, "$1\"$2\"");

    [GeneratedRegex(@"([\[,:])(NaN|-?Infinity)")]
    private static partial Regex BareToken();

    public sealed class CollectionGateway() : GatewayFixture(Path.Combine(CollectionCase.Folder, "repository"));
}
