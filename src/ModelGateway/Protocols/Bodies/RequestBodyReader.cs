using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Bodies;

/// <summary>
/// Reads a body whole, bounded in size and in time. Stateless but for the clock; one instance serves all requests.
/// </summary>
internal sealed class RequestBodyReader(TimeProvider time)
{
    // A Content-Length is only a promise: this much is rented on its word, the rest when that much has come. Where the body begins counts too: a
    // byte more would take twice the memory.
    private const int LargestFirstRent = 4 << 20;
    private const int SmallBody = 16 * 1024;
    private const int FirstRentOfUnknownLength = 16 * 1024;

    /// <summary>The body of a small request that came with its headers, as most do; null where <see cref="ReadAsync"/> has to see to it, and then nothing was taken.</summary>
    /// <param name="request">The request.</param>
    /// <param name="max">The limit, in bytes.</param>
    /// <param name="start">Where in its memory it should begin, in bytes from an aligned address.</param>
    public static TensorBuffer? TryReadAtOnce(HttpRequest request, int max, int start)
    {
        if (request.ContentLength is not <= SmallBody || request.ContentLength > max || request.Headers.ContentEncoding.Count > 0)
        {
            return null;
        }

        try
        {
            return TryReceiveAtOnce(request, max, start);
        }
        catch (Exception exception) when (exception is IOException or BadHttpRequestException or OperationCanceledException)
        {
            // Who reads it next meets the same, and answers.
            return null;
        }
    }

    /// <summary>The body, or the error that refuses it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limits">What it may cost.</param>
    /// <param name="start">Where in its memory it should begin, in bytes from an aligned address.</param>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public async ValueTask<RequestBodyResult> ReadAsync(HttpRequest request, RequestBodyLimits limits, int start = 0)
    {
        if (!ContentCodings.TryParse(request.Headers.ContentEncoding, out ContentCoding coding))
        {
            return RequestBodyResult.Failure(
                PredictErrorKind.UnsupportedEncoding,
                "The body's Content-Encoding is not supported; send gzip, deflate or identity, and only one of them.");
        }

        // Arrays end a little under 2^31 bytes; the room above the limit is for telling "full" from "too much".
        int max = (int)Math.Min(limits.MaxBytes, Array.MaxLength - 1024);
        if (request.ContentLength > max)
        {
            return BreakOff(request.HttpContext, RequestBodyResult.TooLarge(max));
        }

        if (request.ContentLength is not <= SmallBody)
        {
            LiftServerLimit(request.HttpContext, max);
        }

        ReadDeadline? deadline = null;
        try
        {
            if (TryReceiveAtOnce(request, max, start) is { } whole)
            {
                return Decode(whole, coding, max, start);
            }

            deadline = new ReadDeadline(time, limits.Deadline, request.HttpContext.RequestAborted);
            TensorBuffer? received = await ReceiveAsync(request, max, start, deadline);
            return received is null ? BreakOff(request.HttpContext, RequestBodyResult.TooLarge(max)) : Decode(received, coding, max, start);
        }
        catch (OperationCanceledException) when (deadline?.HasPassed == true)
        {
            return BreakOff(
                request.HttpContext,
                RequestBodyResult.Failure(PredictErrorKind.BodyTimeout, $"The body did not arrive within {limits.Deadline.TotalSeconds:0.###} s."));
        }
        catch (BadHttpRequestException exception) when (!IsCallerGone(request, exception))
        {
            return BreakOff(request.HttpContext, Refused(exception, max));
        }
        catch (IOException exception) when (exception.InnerException is OverflowException)
        {
            // The size of a chunk does not fit 32 bits: the one fault of framing that the server does not report as a bad request.
            return BreakOff(request.HttpContext, Misframed());
        }
        catch (IOException exception)
        {
            // The connection ended, or the stream was reset.
            throw CallerLeft(request.HttpContext, exception);
        }
        finally
        {
            deadline?.Dispose();
        }
    }

    // With a Content-Length nothing can be wrong with the framing of a body but that it ends before its time.
    private static bool IsCallerGone(HttpRequest request, BadHttpRequestException exception) =>
        request.HttpContext.RequestAborted.IsCancellationRequested
        || (exception.StatusCode == StatusCodes.Status400BadRequest && request.ContentLength is not null);

    // The server raises RequestAborted on another thread, perhaps later; whoever catches this exception looks there.
    private static OperationCanceledException CallerLeft(HttpContext context, Exception cause)
    {
        context.RequestAborted = new CancellationToken(canceled: true);
        return new OperationCanceledException("The caller left while the body was read.", cause, context.RequestAborted);
    }

    // The server's own bound (30 MB unless set) would refuse what our setting allows.
    private static void LiftServerLimit(HttpContext context, int max)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature && feature.MaxRequestBodySize != max)
        {
            feature.MaxRequestBodySize = max;
        }
    }

    // Most small bodies are here with their headers. Null where that is not so; then nothing was taken.
    private static TensorBuffer? TryReceiveAtOnce(HttpRequest request, int max, int start)
    {
        PipeReader reader = request.BodyReader;
        if (!reader.TryRead(out ReadResult result))
        {
            return null;
        }

        if (!result.IsCompleted || result.Buffer.Length > max)
        {
            reader.AdvanceTo(result.Buffer.Start);
            return null;
        }

        TensorBuffer buffer = TensorBuffer.Rent((int)result.Buffer.Length, start);
        result.Buffer.CopyTo(buffer.Span);
        reader.AdvanceTo(result.Buffer.End);
        return buffer;
    }

    // Null when there is more than allowed.
    private static async ValueTask<TensorBuffer?> ReceiveAsync(HttpRequest request, int max, int start, ReadDeadline deadline)
    {
        int announced = (int)(request.ContentLength ?? 0);
        TensorBuffer buffer = TensorBuffer.Rent(request.ContentLength is null ? FirstRentOfUnknownLength - start : Math.Min(announced, LargestFirstRent - start), start);
        try
        {
            int used = 0;
            for (bool completed = false; !completed;)
            {
                PipeReader reader = request.BodyReader;
                if (!reader.TryRead(out ReadResult result))
                {
                    result = await reader.ReadAsync(deadline.Start());
                }

                completed = result.IsCompleted;
                if (result.Buffer.Length > max - used)
                {
                    reader.AdvanceTo(result.Buffer.End);
                    buffer.Dispose();
                    return null;
                }

                used = Append(buffer, used, result.Buffer, announced);
                reader.AdvanceTo(result.Buffer.End);
            }

            buffer.Resize(used);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private static int Append(TensorBuffer buffer, int used, in ReadOnlySequence<byte> chunk, int announced)
    {
        int end = used + (int)chunk.Length;
        if (end > buffer.Length)
        {
            buffer.Resize(Math.Max(end, announced));
        }

        chunk.CopyTo(buffer.Span[used..]);
        return end;
    }

    private static RequestBodyResult Decode(TensorBuffer received, ContentCoding coding, int max, int start)
    {
        // Some encoders write nothing at all for nothing.
        if (coding == ContentCoding.Identity || received.Length == 0)
        {
            return RequestBodyResult.Success(received);
        }

        using (received)
        {
            TensorBuffer? inflated = BodyInflater.Inflate(received, coding, max, start, out PredictError? error);
            return inflated is null ? RequestBodyResult.Failure(error!.Kind, error.Message) : RequestBodyResult.Success(inflated);
        }
    }


    // What the server itself refuses: its size limit, its minimum data rate, broken chunks.
    private static RequestBodyResult Refused(BadHttpRequestException exception, int max) => exception.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => RequestBodyResult.TooLarge(max),
        StatusCodes.Status408RequestTimeout => RequestBodyResult.Failure(PredictErrorKind.BodyTimeout, "The body arrived too slowly."),
        _ => Misframed(),
    };

    private static RequestBodyResult Misframed() =>
        RequestBodyResult.Failure(PredictErrorKind.InvalidRequest, "The body ends early or is not framed as HTTP asks.");

    // The rest of the body stands between us and a next request. Saying that there will be none lets the client open another
    // connection, and keeps the server from draining what cannot be read to its end (after a cancelled read that is logged as an error).
    private static RequestBodyResult BreakOff(HttpContext context, RequestBodyResult refusal)
    {
        // Later versions have no such header; there a stream ends alone.
        if (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol))
        {
            context.Response.Headers.Connection = "close";
        }

        return refusal;
    }
}
