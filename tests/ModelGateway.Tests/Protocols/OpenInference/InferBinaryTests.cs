using System.IO.Compression;
using System.Net;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The binary extension: mixtures, sizes that lie, bytes that are no values.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferBinaryTests(OpenInferenceHost host)
{
    private const string X = """{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32"%}]}""";

    [Fact]
    public async Task Infer_JsonAndBinaryMixed_EachIsFound()
    {
        const string Request = """
            {"inputs":[
              {"name":"text","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":13}},
              {"name":"ids","shape":[2],"datatype":"INT64","data":[1,-2]},
              {"name":"pixels","shape":[2,2],"datatype":"UINT8","parameters":{"binary_data_size":4}},
              {"name":"flags","shape":[2],"datatype":"BOOL","data":[true,false]}],
             "outputs":[
              {"name":"flags_out","parameters":{"binary_data":true}},{"name":"text_out"},
              {"name":"pixels_out","parameters":{"binary_data":false}},{"name":"ids_out","parameters":{"binary_data":true}}]}
            """;

        InferReply reply = await host.Gateway.InferAsync("mixed", InferCalls.Binary(Request, InferCalls.Strings("abc", "de"), [9, 8, 7, 6]));

        Assert.Equal(["flags_out", "text_out", "pixels_out", "ids_out"], reply.OutputNames);
        Assert.Equal([1, 0], reply.Bytes("flags_out"));
        Assert.Equal("""["abc","de"]""", reply.Data("text_out"));
        Assert.Equal("[9,8,7,6]", reply.Data("pixels_out"));
        Assert.Equal([.. BitConverter.GetBytes(1L), .. BitConverter.GetBytes(-2L)], reply.Bytes("ids_out"));
        Assert.Equal(18, reply.AllBytes().Length);
    }

    // The numbers begin at every place beside an aligned one.
    [Fact]
    public async Task Infer_JsonOfAnyLength_FindsTheNumbersBehindIt()
    {
        for (int spaces = 0; spaces < 24; spaces++)
        {
            string request = X.Replace("%", new string(' ', spaces), StringComparison.Ordinal);
            InferReply reply = await host.Gateway.InferAsync("add", InferCalls.Binary(request, InferCalls.Floats(spaces, -1)));
            Assert.Equal($"[{spaces + 1},0]", reply.Data("y"));
        }
    }

    // From the third time on the JSON is known and not read again; what stands behind it is.
    [Fact]
    public async Task Infer_SameJsonAgain_AnswersAndFaultsAreThoseOfTheFirstTime()
    {
        const string Request = """
            {"inputs":[
              {"name":"text","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":13}},
              {"name":"ids","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}},
              {"name":"pixels","shape":[1,2],"datatype":"UINT8","parameters":{"binary_data_size":2}},
              {"name":"flags","shape":[1],"datatype":"BOOL","parameters":{"binary_data_size":1}}],
             "outputs":[{"name":"ids_out"},{"name":"text_out"}]}
            """;
        string? lies = null;
        string? noBool = null;
        string? noStrings = null;
        for (int i = 0; i < 6; i++)
        {
            byte[] ids = BitConverter.GetBytes((long)i);
            InferReply reply = await host.Gateway.InferAsync("mixed", InferCalls.Binary(Request, InferCalls.Strings($"ab{i}", "de"), ids, [1, 2], [1]));
            Assert.Equal($"[{i}]", reply.Data("ids_out"));
            Assert.Equal($"""["ab{i}","de"]""", reply.Data("text_out"));

            InferReply shorter = await host.Gateway.InferAsync("mixed", InferCalls.Binary(Request, InferCalls.Strings("abc", "de"), ids, [1, 2]));
            InferReply flag = await host.Gateway.InferAsync("mixed", InferCalls.Binary(Request, InferCalls.Strings("abc", "de"), ids, [1, 2], [7]));
            InferReply text = await host.Gateway.InferAsync("mixed", InferCalls.Binary(Request, new byte[13], ids, [1, 2], [1]));
            Assert.All([shorter, flag, text], refused => Assert.Equal(HttpStatusCode.BadRequest, refused.Status));
            Assert.Equal(lies ??= shorter.Error, shorter.Error);
            Assert.Equal(noBool ??= flag.Error, flag.Error);
            Assert.Equal(noStrings ??= text.Error, text.Error);
        }
    }

    // The second input's numbers begin at any byte: strings of every length stand before them.
    [Fact]
    public async Task Infer_NumbersBehindStrings_AreFoundAtAnyPlace()
    {
        for (int length = 0; length < 20; length++)
        {
            byte[] strings = InferCalls.Strings(new string('s', length), "");
            byte[] ids = [.. BitConverter.GetBytes(long.MaxValue - length), .. BitConverter.GetBytes((long)length)];
            InferReply reply = await host.Gateway.InferAsync(
                "mixed",
                InferCalls.Binary(
                    $$$"""
                    {"inputs":[
                      {"name":"text","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":{{{strings.Length}}}}},
                      {"name":"ids","shape":[2],"datatype":"INT64","parameters":{"binary_data_size":16}},
                      {"name":"pixels","shape":[2,2],"datatype":"UINT8","data":[1,2,3,4]},
                      {"name":"flags","shape":[2],"datatype":"BOOL","data":[true,false]}],
                     "outputs":[{"name":"text_out"},{"name":"ids_out","parameters":{"binary_data":true}}]}
                    """,
                    strings,
                    ids));
            Assert.Equal($"""["{new string('s', length)}",""]""", reply.Data("text_out"));
            Assert.Equal(ids, reply.Bytes("ids_out"));
        }
    }

    [Theory]
    [InlineData(true, "null", true)]
    [InlineData(true, "false", false)]
    [InlineData(false, "true", true)]
    [InlineData(false, "null", false)]
    public async Task Infer_BinaryDataOutput_IsOverriddenByTheOutput(bool all, string one, bool binary)
    {
        string outputs = one == "null" ? """[{"name":"y"}]""" : $$$"""[{"name":"y","parameters":{"binary_data":{{{one}}}}}]""";

        InferReply reply = await host.Gateway.InferAsync(
            "add",
            $$$"""{"parameters":{"binary_data_output":{{{(all ? "true" : "false")}}}},"outputs":{{{outputs}}},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}""");

        Assert.Equal(binary, reply.HeaderLength is not null);
        Assert.Equal(binary ? InferCalls.Floats(2, 3) : [], reply.AllBytes());
    }

    [Fact]
    public async Task Infer_SizeLeftOutOfTheOnlyBinaryInput_IsTheRest()
    {
        InferReply one = await host.Gateway.InferAsync("add", InferCalls.Binary(X.Replace("%", "", StringComparison.Ordinal), InferCalls.Floats(1, 2)));
        InferReply mixed = await host.Gateway.InferAsync(
            "sum",
            InferCalls.Binary(
                """{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32"},{"name":"b","shape":[1,2],"datatype":"FP32","data":[1,1]}]}""", InferCalls.Floats(1, 2)));

        Assert.Equal("[2,3]", one.Data("y"));
        Assert.Equal("[2,3]", mixed.Data("sum"));
    }

    [Fact]
    public async Task Infer_CompressedWithBinary_HeaderCountsInflatedBytes()
    {
        byte[] json = Encoding.UTF8.GetBytes(X.Replace("%", ",\"parameters\":{\"binary_data_size\":8}", StringComparison.Ordinal));
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionMode.Compress, leaveOpen: true))
        {
            gzip.Write([.. json, .. InferCalls.Floats(1, 2)]);
        }

        using HttpContent body = InferCalls.WithHeader(compressed.ToArray(), $"{json.Length}");
        body.Headers.ContentEncoding.Add("gzip");

        Assert.Equal("[2,3]", (await host.Gateway.InferAsync("add", body)).Data("y"));
    }

    [Fact]
    public async Task Infer_StringsThatAreNotUtf8_GoOutInBinaryOnly()
    {
        byte[] strings = InferCalls.Strings([0xFF, 0xFE, 0x00], [0xC3]);
        string request = $$$"""{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":{{{strings.Length}}}}}]%}""";

        InferReply json = await host.Gateway.InferAsync("identity_BYTES", InferCalls.Binary(request.Replace("%", "", StringComparison.Ordinal), strings));
        InferReply binary = await host.Gateway.InferAsync(
            "identity_BYTES", InferCalls.Binary(request.Replace("%", ",\"parameters\":{\"binary_data_output\":true}", StringComparison.Ordinal), strings));

        Assert.Equal(HttpStatusCode.BadRequest, json.Status);
        Assert.Contains("'y'", json.Error, StringComparison.Ordinal);
        Assert.Contains("binary_data", json.Error, StringComparison.Ordinal);
        Assert.Equal(strings, binary.Bytes("y"));
    }

    [Theory]
    [InlineData(8, 4, "Input 'x' announces 8 bytes of binary data, but 4 follow the JSON.")]
    [InlineData(8, 9, "Input 'x' announces 8 bytes of binary data, but 9 follow the JSON.")]
    [InlineData(9223372036854775807, 8, "Input 'x' announces 9223372036854775807 bytes of binary data, but 8 follow the JSON.")]
    [InlineData(12, 12, "Input 'x' is FP32 [1, 2], which takes 8 bytes, but its binary data has 12.")]
    [InlineData(0, 0, "Input 'x' is FP32 [1, 2], which takes 8 bytes, but its binary data has 0.")]
    public async Task Infer_SizesThatLie_AreRefused(long announced, int sent, string error)
    {
        string request = X.Replace("%", $",\"parameters\":{{\"binary_data_size\":{announced}}}", StringComparison.Ordinal);

        InferReply reply = await host.Gateway.InferAsync("add", InferCalls.Binary(request, new byte[sent]));

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
        Assert.Equal(["x"], reply.Targets);
    }

    [Theory]
    [InlineData("\"parameters\":{\"binary_data_size\":8}", "\"parameters\":{\"binary_data_size\":16}", "The inputs announce 24 bytes of binary data, but 16 follow the JSON.")]
    [InlineData("\"parameters\":{\"binary_data_size\":9223372036854775807}", "\"parameters\":{\"binary_data_size\":9223372036854775807}", "The inputs announce 18446744073709551614 bytes of binary data, but 16 follow the JSON.")]
    [InlineData("\"parameters\":{\"binary_data_size\":4}", "\"parameters\":{\"binary_data_size\":12}", "Input 'a' is FP32 [1, 2], which takes 8 bytes, but its binary data has 4. Input 'b' is FP32 [1, 2], which takes 8 bytes, but its binary data has 12.")]
    [InlineData("\"parameters\":{}", "\"dota\":[]", "Input 'a' has neither 'data' nor the parameter 'binary_data_size', which can be left out only where one input alone is binary. Input 'b' has neither 'data' nor the parameter 'binary_data_size', which can be left out only where one input alone is binary. It has a key 'dota'; did you mean 'data'?")]
    [InlineData("\"data\":[1,2]", "\"data\":[1,2]", "16 bytes follow the JSON, but no input announces binary data.")]
    [InlineData("\"data\":[1,2],\"parameters\":{\"binary_data_size\":8}", "\"parameters\":{\"binary_data_size\":16}", "Input 'a' has both 'data' and the parameter 'binary_data_size'. Input 'b' is FP32 [1, 2], which takes 8 bytes, but its binary data has 16.")]
    [InlineData("\"parameters\":{\"binary_data_size\":-8}", "\"parameters\":{\"binary_data_size\":8.5}", "Input 'a' has a 'binary_data_size' that is not a whole number of 0 or more. Input 'b' has a 'binary_data_size' that is not a whole number of 0 or more.")]
    [InlineData("\"parameters\":{\"shared_memory_region\":\"r\"}", "\"parameters\":{\"binary_data_size\":8}", "Input 'a' asks for shared memory, which this server does not have; send binary data instead.")]
    public async Task Infer_TwoInputs_EachIsReportedOnce(string a, string b, string error)
    {
        string request = $$"""{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32",{{a}}},{"name":"b","shape":[1,2],"datatype":"FP32",{{b}}}]}""";

        InferReply reply = await host.Gateway.InferAsync("sum", InferCalls.Binary(request, InferCalls.Floats(1, 2), InferCalls.Floats(3, 4)));

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Infer_FaultyInputBetweenOthers_TheirBytesAreStillFound()
    {
        const string Request = """
            {"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},
                       {"name":"unknown","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":3}},
                       {"name":"b","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}
            """;

        InferReply reply = await host.Gateway.InferAsync("sum", InferCalls.Binary(Request, InferCalls.Floats(1, 2), [1, 2, 3], InferCalls.Floats(3, 4)));

        Assert.Equal(["unknown"], reply.Targets);
    }

    [Theory]
    [InlineData("BOOL", new byte[] { 1, 2 }, "Input 'x' has a byte that is neither 0 nor 1 at position 1 of its binary data; a BOOL has no others.")]
    [InlineData("BYTES", new byte[] { 1, 0, 0, 0, 65 }, "Input 'x' has the shape [2], which is 2 elements, but its binary data has 1.")]
    [InlineData("BYTES", new byte[] { 0, 0, 0, 0, 2, 0, 0, 0, 65 }, "Input 'x' has binary data whose lengths do not add up to its 9 bytes; each element is its length (4 bytes, little endian) and then that many bytes.")]
    [InlineData("BYTES", new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 65 }, "Input 'x' has binary data whose lengths do not add up to its 5 bytes; each element is its length (4 bytes, little endian) and then that many bytes.")]
    [InlineData("BYTES", new byte[] { 0, 0, 0, 0, 0, 0 }, "Input 'x' has binary data whose lengths do not add up to its 6 bytes; each element is its length (4 bytes, little endian) and then that many bytes.")]
    [InlineData("INT16", new byte[] { 1, 2, 3 }, "Input 'x' is INT16 [2], which takes 4 bytes, but its binary data has 3.")]
    public async Task Infer_BytesThatAreNoValues_AreRefused(string type, byte[] bytes, string error)
    {
        string request = $$"""{"inputs":[{"name":"x","shape":[2],"datatype":"{{type}}"}]}""";

        InferReply reply = await host.Gateway.InferAsync($"identity_{type}", InferCalls.Binary(request, bytes));

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
    }

    [Theory]
    [InlineData("1000", "The header Inference-Header-Content-Length says 1000 bytes of JSON, but the body has 8.")]
    [InlineData("9999999999999999999999", "The header Inference-Header-Content-Length must be one whole number: the bytes of the JSON that the body begins with, or 0 for none.")]
    [InlineData("-1", "The header Inference-Header-Content-Length must be one whole number: the bytes of the JSON that the body begins with, or 0 for none.")]
    [InlineData("x", "The header Inference-Header-Content-Length must be one whole number: the bytes of the JSON that the body begins with, or 0 for none.")]
    [InlineData("5", "The JSON ends too early, at line 1, byte 6: something is still open.")]
    public async Task Infer_HeaderThatDoesNotFit_IsRefused(string header, string error)
    {
        InferReply reply = await host.Gateway.InferAsync("add", InferCalls.WithHeader("{\"id\":1}"u8.ToArray(), header));

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Infer_SizeWithoutTheHeader_IsRefused()
    {
        InferReply reply = await host.Gateway.InferAsync("add", X.Replace("%", ",\"parameters\":{\"binary_data_size\":8}", StringComparison.Ordinal));

        Assert.Equal(
            "Input 'x' has the parameter 'binary_data_size', but the request has no header Inference-Header-Content-Length, which says where the JSON ends.", reply.Error);
    }

    [Fact]
    public async Task Infer_HeaderOverAllOfTheBody_IsJsonAlone()
    {
        InferReply reply = await host.Gateway.InferAsync("add", InferCalls.Binary(X.Replace("%", ",\"data\":[1,2]", StringComparison.Ordinal)));

        Assert.Equal("[2,3]", reply.Data("y"));
    }
}
