using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Protocols.Native;

/// <summary>Whatever happens to a good body, the outcome is a request or faults, never an exception.</summary>
public sealed class NativeHostileBodyTests
{
    private const string Named =
        "{\"model\":\"iris\",\"version\":\"3\",\"inputs\":{\"ids\":[[1,-2e1],[3.0,4]],\"text\":[\"a\\u00e9\\ud83d\\ude00\",{\"b64\":\"aGk=\"}]," +
        "\"scale\":[NaN,-Infinity]},\"outputs\":[\"label\",\"scores\"],\"parameters\":{\"timeout\":1000}}";

    private const string Rows =
        "{\"instances\":[{\"ids\":[1,2],\"text\":\"grün\",\"scale\":NaN},{\"ids\":[3,4],\"text\":{\"b64\":\"aGk=\"},\"scale\":\"Infinity\"}]}";

    // Bytes that mean something in JSON, in UTF-8 or to the pre-pass.
    private static readonly byte[] Replacements = Encoding.Latin1.GetBytes("\"\\[]{},:0-.eEnNIa \n/'\0\u007f\u0080\u00ff\u00c3\u00ed");

    [Theory]
    [InlineData(Named)]
    [InlineData(Rows)]
    public void Read_GoodBody_HasNoFault(string body)
    {
        using PredictRequest request = NativeReadings.Request(body, NativeReadings.ManyInputs);
        Assert.Equal(3, request.Inputs.Count);
    }

    [Theory]
    [InlineData(Named)]
    [InlineData(Rows)]
    public void Read_CutAnywhere_IsAFault(string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.False(TryRead(bytes[..length]), $"cut at {length}");
        }
    }

    [Theory]
    [InlineData(Named)]
    [InlineData(Rows)]
    public void Read_AnyByteReplacedRemovedOrRepeated_IsARequestOrAFault(string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        for (int at = 0; at < bytes.Length; at++)
        {
            TryRead([.. bytes[..at], .. bytes[(at + 1)..]]);
            foreach (byte replacement in Replacements)
            {
                TryRead([.. bytes[..at], replacement, .. bytes[(at + 1)..]]);
                TryRead([.. bytes[..at], replacement, .. bytes[at..]]);
            }
        }
    }

    [Theory]
    [InlineData(Named)]
    [InlineData(Rows)]
    public void Read_PartsSwappedAtRandom_IsARequestOrAFault(string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        var random = new Random(3);
        for (int i = 0; i < 20_000; i++)
        {
            int start = random.Next(bytes.Length);
            int end = random.Next(start, bytes.Length);
            int to = random.Next(bytes.Length);
            TryRead([.. bytes[..to], .. bytes[start..end], .. bytes[Math.Min(bytes.Length, to + random.Next(end - start + 1))..]]);
        }
    }

    private static bool TryRead(byte[] body)
    {
        (PredictRequest? request, FaultList faults) = NativeReadings.Read(body, NativeReadings.ManyInputs);
        request?.Dispose();
        foreach (RequestFault fault in faults.Faults)
        {
            Assert.NotEmpty(fault.Message);
        }

        // The peek sees the same bytes first, and must not mind either.
        using JsonText? text = JsonText.Open(body, new FaultList());
        if (text is not null)
        {
            NativeModelPeek.TryReadModel(text, new FaultList(), out _, out _);
        }

        return request is not null;
    }
}
