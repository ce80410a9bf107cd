using System.Buffers;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Native;

/// <summary>The simple dialect's reader and writer, as the exchange wants them.</summary>
internal sealed class NativeProtocol : IPredictProtocol
{
    public static NativeProtocol Instance { get; } = new();

    public bool TakesBinary => false;

    /// <summary>The model that a body names, for <c>POST /predict</c>.</summary>
    public static (ModelSpec Spec, PredictError? Error) FindModel(ReadOnlyMemory<byte> body)
    {
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(body, faults);
        return text is not null && NativeModelPeek.TryReadModel(text, faults, out string? model, out string? version)
            ? (ModelSpec.Parse(model, version), null)
            : (default, faults.ToError());
    }

    public IProtocolRequest? Read(HttpContext http, ModelSpec asked, ReadOnlyMemory<byte> body, Servable servable, FaultList faults)
    {
        using JsonText? text = JsonText.Open(body, faults);
        PredictRequest? request = text is null ? null : NativeRequestReader.Read(text, servable.Signature, servable.Config.Limits, asked, faults);
        return request is null ? null : NativeRequest.Of(request);
    }

    // Used again by the thread that disposed it.
    private sealed class NativeRequest : IProtocolRequest
    {
        [ThreadStatic]
        private static NativeRequest? _spare;

        private PredictRequest? _prediction;

        public PredictRequest Prediction => _prediction!;

        public static NativeRequest Of(PredictRequest prediction)
        {
            NativeRequest request = _spare ?? new NativeRequest();
            _spare = null;
            request._prediction = prediction;
            return request;
        }

        public PredictError? Write(PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body)
        {
            if (NativeResponseWriter.Check(response) is { } error)
            {
                return error;
            }

            to.ContentType = "application/json";
            NativeResponseWriter.Write(body, response);
            return null;
        }

        public void Dispose()
        {
            if (_prediction is { } prediction)
            {
                _prediction = null;
                _spare = this;
                prediction.Dispose();
            }
        }
    }
}
