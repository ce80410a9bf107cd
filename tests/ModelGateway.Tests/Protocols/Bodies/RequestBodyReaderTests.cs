using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Bodies;

public sealed class RequestBodyReaderTests
{
    private const int Limit = 50_000;
    private static readonly byte[] Text = [.. Enumerable.Range(0, Limit).Select(i => (byte)('a' + (i % 23)))];
    private readonly FakeTimeProvider _time = new();

    public static TheoryData<string?> Encodings => [null, "", "identity", "Identity", "gzip", "x-gzip", " GZIP ", "deflate", "raw deflate"];

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task Read_EveryEncodingAndSize_GivesTheBytes(string? encoding)
    {
        foreach (int size in new[] { 0, 1, 17, 4095, 4096, 4097, 16_384, 40_000, Limit })
        {
            foreach (bool announced in new[] { true, false })
            {
                byte[] body = Encode(encoding, Text.AsSpan(0, size));
                RequestBodyResult result = await ReadAsync(body, encoding == "raw deflate" ? "deflate" : encoding, announced);
                Assert.True(result.IsSuccess, $"{encoding} {size}: {result.Error?.Message}");
                Assert.True(result.Body.Memory.Span.SequenceEqual(Text.AsSpan(0, size)));
                result.Body.Dispose();
            }
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Read_WithStart_BeginsThereHoweverItComes(string? encoding)
    {
        foreach (int size in new[] { 1, 4095, 16_384, 16_385, 40_000, Limit })
        {
            for (int start = 0; start < TensorBuffer.Alignment; start++)
            {
                foreach (bool announced in new[] { true, false })
                {
                    byte[] body = Encode(encoding, Text.AsSpan(0, size));
                    HttpContext http = Request(new MemoryStream(body), encoding);
                    http.Request.ContentLength = announced ? body.Length : null;
                    RequestBodyResult result = await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1)), start);
                    Assert.True(MemoryMarshal.TryGetArray(result.Body!.Memory, out ArraySegment<byte> part));
                    Assert.Equal(start, part.Offset);
                    Assert.Equal(Text.AsSpan(0, size), part);
                    result.Body.Dispose();
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task Read_OneByteOverTheLimit_IsTooLarge(string? encoding)
    {
        byte[] body = Encode(encoding, [.. Text, (byte)'!']);
        foreach (bool announced in new[] { true, false })
        {
            PredictError error = await ErrorAsync(body, encoding == "raw deflate" ? "deflate" : encoding, announced);
            Assert.Equal(PredictErrorKind.TooLarge, error.Kind);
            Assert.Contains("50000 bytes", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Read_CompressedBytesOverTheLimit_IsTooLargeWithoutInflating()
    {
        byte[] noise = new byte[Limit + 1];
        new Random(1).NextBytes(noise);
        Assert.Equal(PredictErrorKind.TooLarge, (await ErrorAsync(noise, "gzip", announced: false)).Kind);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("raw deflate")]
    public async Task Read_Bomb_CostsNoMoreThanTheLimit(string encoding)
    {
        byte[] bomb = Encode(encoding, new byte[20_000_000]);
        Assert.True(bomb.Length < Limit);
        (RequestBodyResult result, long allocated) = await ReadAtOnceAsync(bomb, encoding.Split(' ')[^1], bomb.Length, Limit);
        Assert.Equal(PredictErrorKind.TooLarge, result.Error!.Kind);
        Assert.Equal("The body inflates to more than the limit of 50000 bytes.", result.Error.Message);
        Assert.True(allocated < 1_000_000, $"{allocated} bytes");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("raw deflate")]
    public async Task Read_CutAnywhere_IsInvalid(string encoding)
    {
        byte[] body = Encode(encoding, Text.AsSpan(0, 3000));
        for (int length = 1; length < body.Length; length++)
        {
            PredictError error = await ErrorAsync(body[..length], encoding.Split(' ')[^1], announced: true);
            Assert.Equal(PredictErrorKind.InvalidRequest, error.Kind);
            Assert.EndsWith("data, or it is cut short.", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Read_OneBitWrong_NeverGivesOtherBytes(string encoding)
    {
        byte[] body = Encode(encoding, Text.AsSpan(0, 300));
        for (int bit = 0; bit < body.Length * 8; bit++)
        {
            byte[] wrong = [.. body];
            wrong[bit / 8] ^= (byte)(1 << (bit % 8));
            RequestBodyResult result = await ReadAsync(wrong, encoding, announced: true);
            Assert.True(!result.IsSuccess || result.Body.Memory.Span.SequenceEqual(Text.AsSpan(0, 300)));
            result.Body?.Dispose();
        }
    }

    [Fact]
    public async Task Read_SeveralGzipMembers_AreOneBody()
    {
        RequestBodyResult result = await ReadAsync([.. Compressed.Gzip("ab"u8), .. Compressed.Gzip("sentinel"u8), .. Compressed.Gzip("c"u8)], "gzip", announced: true);
        Assert.Equal("absentinelc", Encoding.UTF8.GetString(result.Body!.Memory.Span));
        result.Body.Dispose();
    }

    [Fact]
    public async Task Read_GarbageBehindGzip_IsInvalid()
    {
        byte[] body = [.. Compressed.Gzip("{}"u8), 1, 2, 3];
        Assert.Equal(PredictErrorKind.InvalidRequest, (await ErrorAsync(body, "gzip", announced: true)).Kind);
    }

    [Theory]
    [InlineData("br")]
    [InlineData("zstd")]
    [InlineData("compress")]
    [InlineData("gzip, gzip")]
    [InlineData("identity, gzip")]
    [InlineData("gzip;q=1")]
    [InlineData("\"gzip\"")]
    public async Task Read_OtherEncoding_IsUnsupported(string encoding) =>
        Assert.Equal(PredictErrorKind.UnsupportedEncoding, (await ErrorAsync(Compressed.Gzip("{}"u8), encoding, announced: true)).Kind);

    [Fact]
    public async Task Read_SeveralEncodingHeaders_AreUnsupported()
    {
        HttpContext http = Request(new MemoryStream(Compressed.Gzip("{}"u8)), null);
        http.Request.Headers.ContentEncoding = new StringValues(["gzip", "gzip"]);
        RequestBodyResult result = await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1)));
        Assert.Equal(PredictErrorKind.UnsupportedEncoding, result.Error!.Kind);
    }

    [Fact]
    public async Task Read_LargeAnnouncedBodyThatNeverComes_HoldsLittleMemory()
    {
        (RequestBodyResult result, long allocated) = await ReadAtOnceAsync([1, 2, 3], null, 500_000_000, 1_000_000_000);
        Assert.Equal(3, result.Body!.Memory.Length);
        result.Body.Dispose();
        Assert.True(allocated < 2_000_000, $"{allocated} bytes");
    }

    [Fact]
    public async Task Read_LargeBody_GrowsToItsLength()
    {
        byte[] large = new byte[5_000_000];
        new Random(2).NextBytes(large);
        foreach (long? length in new long?[] { large.Length, null })
        {
            HttpContext http = Request(new MemoryStream(large), null);
            http.Request.ContentLength = length;
            RequestBodyResult result = await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(5_000_000, TimeSpan.FromSeconds(1)));
            Assert.True(result.Body!.Memory.Span.SequenceEqual(large));
            result.Body.Dispose();
        }
    }

    [Fact]
    public async Task Read_DrippingSender_IsCutOffAtTheDeadlineOfTheWhole()
    {
        var pipe = new Pipe();
        HttpContext http = Request(pipe.Reader.AsStream(), null);
        Task<RequestBodyResult> reading = new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(10))).AsTask();
        for (int second = 0; second < 9; second++)
        {
            await pipe.Writer.WriteAsync(new byte[] { 1 });
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(reading.IsCompleted);
        }

        _time.Advance(TimeSpan.FromSeconds(2));
        RequestBodyResult result = await reading.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(PredictErrorKind.BodyTimeout, result.Error!.Kind);
        Assert.Equal("The body did not arrive within 10 s.", result.Error.Message);
    }

    [Fact]
    public async Task Read_CallerLeaves_IsCancelled()
    {
        using var left = new CancellationTokenSource();
        HttpContext http = Request(new Pipe().Reader.AsStream(), null);
        http.RequestAborted = left.Token;
        Task reading = new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(10))).AsTask();
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData(413, "TooLarge")]
    [InlineData(408, "BodyTimeout")]
    [InlineData(400, "InvalidRequest")]
    public async Task Read_ServerRefuses_IsTheSameError(int status, string kind)
    {
        HttpContext http = Request(new FailingStream(new BadHttpRequestException("secret", status)), null);
        RequestBodyResult result = await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1)));
        Assert.Equal(kind, result.Error!.Kind.ToString());
        Assert.DoesNotContain("secret", result.Error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_ConnectionBreaks_IsCancelled()
    {
        HttpContext http = Request(new FailingStream(new IOException("reset")), null);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1))));
    }

    [Fact]
    public async Task Read_ServerHasItsOwnLimit_OursIsSet()
    {
        var feature = new SizeFeature { MaxRequestBodySize = 30_000 };
        HttpContext http = Request(new MemoryStream(Text), null);
        http.Features.Set<IHttpMaxRequestBodySizeFeature>(feature);
        (await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1)))).Body!.Dispose();
        Assert.Equal(Limit, feature.MaxRequestBodySize);
    }

    private static byte[] Encode(string? encoding, ReadOnlySpan<byte> data) => encoding?.Trim().ToUpperInvariant() switch
    {
        "GZIP" or "X-GZIP" => Compressed.Gzip(data),
        "DEFLATE" => Compressed.Zlib(data),
        "RAW DEFLATE" => Compressed.Deflate(data),
        _ => data.ToArray(),
    };

    private static DefaultHttpContext Request(Stream body, string? encoding)
    {
        var http = new DefaultHttpContext();
        http.Request.Body = body;
        http.Request.Headers.ContentEncoding = encoding;
        return http;
    }

    private async Task<RequestBodyResult> ReadAsync(byte[] body, string? encoding, bool announced)
    {
        HttpContext http = Request(new MemoryStream(body), encoding);
        http.Request.ContentLength = announced ? body.Length : null;
        return await new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(1)));
    }

    // What is there already is read on this thread, so that its allocations can be counted while other tests run.
    private async Task<(RequestBodyResult Result, long Allocated)> ReadAtOnceAsync(byte[] body, string? encoding, long announced, long limit)
    {
        long allocated = 0;
        RequestBodyResult result = default;
        for (int i = 0; i < 2; i++)
        {
            result.Body?.Dispose();
            HttpContext http = Request(new MemoryStream(body), encoding);
            http.Request.ContentLength = announced;
            long before = GC.GetAllocatedBytesForCurrentThread();
            ValueTask<RequestBodyResult> reading = new RequestBodyReader(_time).ReadAsync(http.Request, new RequestBodyLimits(limit, TimeSpan.FromSeconds(1)));
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(reading.IsCompletedSuccessfully);
            result = await reading;
        }

        return (result, allocated);
    }

    private async Task<PredictError> ErrorAsync(byte[] body, string? encoding, bool announced)
    {
        RequestBodyResult result = await ReadAsync(body, encoding, announced);
        Assert.False(result.IsSuccess);
        return result.Error;
    }

    private sealed class SizeFeature : IHttpMaxRequestBodySizeFeature
    {
        public bool IsReadOnly => false;

        public long? MaxRequestBodySize { get; set; }
    }

    private sealed class FailingStream(Exception exception) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw exception;
    }
}
