using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using ModelGateway.Tests.Protocols.Native;
using Xunit;

namespace ModelGateway.Tests.Protocols.Bodies;

/// <summary>Where the network cuts a body must not matter: each is received cut at every byte, in both dialects, and read as if it were whole.</summary>
public sealed class SplitBodyTests
{
    private static readonly ModelSignature Inputs = NativeReadings.Signature(
        new TensorSpec("ids", TensorType.Int64, [-1, -1]),
        new TensorSpec("text", TensorType.Bytes, [-1]),
        new TensorSpec("scale", TensorType.Fp64, [-1]) { Optional = true },
        new TensorSpec("x", TensorType.Fp32, [-1]) { Optional = true });

    private readonly FakeTimeProvider _time = new();

    private delegate string Read(byte[] body);

    [Theory]
    [InlineData("""{"inputs":{"ids":[[1, -2,3],[40,500,9223372036854775807]],"text":["gr\u00fcn","日本\n","a"],"scale":[0.1234567890123456,-1.5e-7,NaN,"Infinity"]}}""")]
    [InlineData("""{"inputs":{"x":[1,0.5,0.25,-0.125,0.0625,1e3,1.17549435e-38,0.1,0.2,0.3,-0.4,5,6,7,8,9,10],"text":[],"ids":[[]]}}""")]
    [InlineData("""{"instances":[{"ids":[1,2],"text":"a","scale":0.5},{"ids":[3,4],"text":"b","scale":-0.5}]}""")]
    [InlineData("""{"inputs":{"ids":[[1,2],[3,04]],"text":["a"]}}""")]
    [InlineData("""{"inputs":{"ids":[[1,2],[3,0.5]],"text":["a"]}}""")]
    [InlineData("""{"inputs":{"ids":[[1,2],[3,4]],"text":["a"]} ,""")]
    public Task Native_CutAnywhere_IsReadAsIfWhole(string json) => CutEverywhere(Encoding.UTF8.GetBytes(json), Native);

    [Theory]
    [InlineData("""{"id":"7","inputs":[{"name":"ids","shape":[2,3],"datatype":"INT64","data":[1, 2, 3, -4, 5, 6]},{"data":["a","\"b\""],"name":"text","shape":[2],"datatype":"BYTES"}]}""")]
    [InlineData("""{"inputs":[{"name":"x","shape":[4],"datatype":"FP32","data":[1.5,2.5,3.5,NaN]},{"name":"text","shape":[1],"datatype":"BYTES","data":["é"]},{"name":"ids","shape":[1,1],"datatype":"INT64","data":[[1]]}]}""")]
    [InlineData("""{"inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1.5,2.5,3.5,4.5]},{"name":"text","shape":[1],"datatype":"BYTES","data":[5]}]}""")]
    public Task OpenInference_CutAnywhere_IsReadAsIfWhole(string json) => CutEverywhere(Encoding.UTF8.GetBytes(json), body => OpenInference(body, body.Length));

    [Fact]
    public Task OpenInference_BinaryCutAnywhere_IsReadAsIfWhole()
    {
        byte[] json = """{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"ids","shape":[1,2],"datatype":"INT64","parameters":{"binary_data_size":16}}]}"""u8.ToArray();
        byte[] ids = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x80];
        return CutEverywhere([.. json, .. ids], body => OpenInference(body, json.Length));
    }

    private static string Native(byte[] body)
    {
        (ModelGateway.Serving.Inference.PredictRequest? request, FaultList faults) = NativeReadings.Read(body, Inputs);
        using (request)
        {
            return request is null ? Join(faults) : NativeReadings.Describe(request);
        }
    }

    private static string OpenInference(byte[] body, int jsonLength)
    {
        var faults = new FaultList();
        using var request = new InferRequest();
        using JsonText text = JsonText.Open(body.AsMemory(0, jsonLength), faults)!;
        var reading = new InferReading(text, Inputs, request, faults);
        if (InferRequestReader.TryRead(reading))
        {
            BinaryInputs.Read(reading, body.AsMemory(jsonLength), hasHeader: jsonLength < body.Length);
        }

        return $"{NativeReadings.Describe(request.Prediction)} {Join(faults)}";
    }

    private static string Join(FaultList faults) => string.Join('|', faults.Faults.Select(fault => fault.Message));

    private async Task CutEverywhere(byte[] body, Read read)
    {
        string whole = read(body);
        Assert.NotEmpty(whole);
        for (int cut = 0; cut <= body.Length; cut++)
        {
            Assert.Equal(whole, read(await ReceiveAsync(InSegments(body, cut), null)));
            Assert.Equal(whole, read(await ReceiveAsync(InReads(body, cut), body.Length)));
        }

        Assert.Equal(whole, read(await ReceiveAsync(PipeReader.Create(Segments([.. body.Select(one => new[] { one })])), null)));
    }

    // One read gives two segments.
    private static PipeReader InSegments(byte[] body, int cut) => PipeReader.Create(Segments([body[..cut], body[cut..]]));

    // The second part comes when the first was taken.
    private static PipeReader InReads(byte[] body, int cut)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1, useSynchronizationContext: false));
        _ = WriteAsync();
        return pipe.Reader;

        async Task WriteAsync()
        {
            foreach (byte[] part in new[] { body[..cut], body[cut..] })
            {
                await pipe.Writer.WriteAsync(part);
            }

            await pipe.Writer.CompleteAsync();
        }
    }

    private static ReadOnlySequence<byte> Segments(byte[][] parts)
    {
        var first = new Segment(parts[0]);
        Segment last = parts.Skip(1).Aggregate(first, (before, part) => before.Append(part));
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private async Task<byte[]> ReceiveAsync(PipeReader pipe, long? announced)
    {
        var http = new DefaultHttpContext();
        http.Features.Set<IRequestBodyPipeFeature>(new PipeFeature(pipe));
        http.Request.ContentLength = announced;
        RequestBodyResult result = await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(1 << 20, TimeSpan.FromMinutes(1)));
        Assert.True(result.IsSuccess, result.Error?.Message);
        using TensorBuffer body = result.Body;
        return body.Memory.ToArray();
    }

    private sealed record PipeFeature(PipeReader Reader) : IRequestBodyPipeFeature;

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes) => Memory = bytes;

        public Segment Append(byte[] bytes)
        {
            var next = new Segment(bytes) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
