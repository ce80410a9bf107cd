using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Prediction in the Open Inference Protocol. A body comes in one of three forms:</summary>
/// <remarks>
/// <code>
/// Inference-Header-Content-Length   body
/// absent                            JSON
/// n                                 n bytes of JSON, then the binary tensors in the order of the inputs
/// 0                                 the data of the one input
/// </code>
/// The answer has the first or the second form, as each output is asked for.
/// </remarks>
internal sealed class InferProtocol : IPredictProtocol
{
    public static readonly InferProtocol Instance = new();

    private InferProtocol()
    {
    }

    public bool TakesBinary => true;

    // The first binary tensor is then aligned, and those behind it mostly too.
    public int StartOf(HttpRequest request) => -InferenceHeader.Peek(request.Headers) & (TensorBuffer.Alignment - 1);

    public IProtocolRequest Read(HttpContext http, ModelSpec asked, ReadOnlyMemory<byte> body, Servable servable, FaultList faults)
    {
        var request = new InferRequest();
        if (InferenceHeader.TryRead(http.Request.Headers, body.Length, out int? jsonLength, faults))
        {
            if (jsonLength == 0)
            {
                ReadRaw(body, servable, request, faults);
            }
            else
            {
                ReadJson(body, jsonLength, servable, request, faults);
            }
        }

        return request;
    }

    private static void ReadRaw(ReadOnlyMemory<byte> body, Servable servable, InferRequest request, FaultList faults)
    {
        request.IsBinaryByDefault = true;
        if (RawInput.Read(body, servable.Signature, faults) is (string name, Tensor tensor))
        {
            request.Prediction.Add(name, tensor);
            RequestValidator.Validate(servable.Signature, servable.Config.Limits, request.Prediction, faults);
        }
    }

    private static void ReadJson(ReadOnlyMemory<byte> body, int? jsonLength, Servable servable, InferRequest request, FaultList faults)
    {
        ReadOnlyMemory<byte> json = body[..(jsonLength ?? body.Length)];
        KnownInferHeaders? known = jsonLength is null ? null : KnownInferHeaders.Of(servable.Signature);
        KnownInferHeader? header = known?.Find(json.Span);
        if (header?.TryRead(body[json.Length..], request, faults, out IReadOnlySet<string>? faulty) == true)
        {
            RequestValidator.Validate(servable.Signature, servable.Config.Limits, request.Prediction, faults, faulty);
            return;
        }

        using JsonText? text = JsonText.Open(json, faults);
        if (text is null)
        {
            return;
        }

        var reading = new InferReading(text, servable.Signature, request, faults);
        if (InferRequestReader.TryRead(reading))
        {
            if (header is null)
            {
                known?.Keep(json.Span, reading);
            }

            BinaryInputs.Read(reading, jsonLength is { } length ? body[length..] : default, jsonLength is not null);
            RequestValidator.Validate(servable.Signature, servable.Config.Limits, request.Prediction, faults, reading.Faulty);
        }
    }
}
