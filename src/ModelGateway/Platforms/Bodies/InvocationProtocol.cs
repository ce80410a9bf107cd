using System.Buffers;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Native;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms.Bodies;

/// <summary>
/// Predictions on a platform's one path, where the body says which dialect it is in. One object for each pair of forms that a request and its
/// answer may have: what was answered before is remembered by it.
/// </summary>
internal sealed class InvocationProtocol : IPredictProtocol
{
    /// <summary>Either dialect, answered in the same.</summary>
    public static readonly InvocationProtocol Json = new(isCsv: false, AnswerForm.Dialect);

    /// <summary>The simple dialect, answered in CSV; the other is answered in its own form.</summary>
    public static readonly InvocationProtocol JsonToCsv = new(isCsv: false, AnswerForm.Csv);

    /// <summary>CSV, answered in the simple dialect.</summary>
    public static readonly InvocationProtocol CsvToJson = new(isCsv: true, AnswerForm.Dialect);

    /// <summary>CSV, answered in CSV.</summary>
    public static readonly InvocationProtocol CsvToCsv = new(isCsv: true, AnswerForm.Csv);

    /// <summary>The Open Inference Protocol with binary tensors, by Triton's content type.</summary>
    public static readonly InvocationProtocol TritonBinary = new(isCsv: false, AnswerForm.TritonBinary);

    /// <summary>Instances are answered by predictions; either dialect in its own form.</summary>
    public static readonly InvocationProtocol Predictions = new(isCsv: false, AnswerForm.Predictions);

    private readonly bool _isCsv;
    private readonly AnswerForm _form;

    private InvocationProtocol(bool isCsv, AnswerForm form) => (_isCsv, _form) = (isCsv, form);

    private enum AnswerForm
    {
        Dialect,
        Csv,
        Predictions,
        TritonBinary,
    }

    public bool TakesBinary => !_isCsv;

    public int StartOf(HttpRequest request) => _isCsv ? 0 : InferProtocol.Instance.StartOf(request);

    public IProtocolRequest? Read(HttpContext http, ModelSpec asked, ReadOnlyMemory<byte> body, Servable servable, FaultList faults)
    {
        if (_isCsv)
        {
            // Its tensors are copies, as all that are read from JSON: nothing of the text is left behind.
            using PooledText? json = CsvRequest.ToJson(body.Span, servable.Signature, faults);
            return json is null ? null : Answered(NativeProtocol.Instance.Read(http, asked, json.Written, servable, faults), isInstances: true);
        }

        BodyDialect dialect = http.Request.Headers.ContainsKey(InferenceHeader.Name) ? BodyDialect.OpenInference : BodyDialects.Find(body.Span);
        return dialect != BodyDialect.OpenInference ? Answered(NativeProtocol.Instance.Read(http, asked, body, servable, faults), dialect == BodyDialect.Instances)
            : InferProtocol.Instance.Read(http, asked, body, servable, faults) is var request && _form == AnswerForm.TritonBinary ? new TritonRequest(request)
            : request;
    }

    private IProtocolRequest? Answered(IProtocolRequest? request, bool isInstances) =>
        request is null ? null
        : _form == AnswerForm.Csv ? new RowRequest(request, CsvAnswer.ContentType, CsvAnswer.Write)
        : _form == AnswerForm.Predictions && isInstances ? new RowRequest(request, "application/json", PredictionsAnswer.Write)
        : request;

    private delegate PredictError? RowWriter(IBufferWriter<byte> to, PredictResponse response);

    private sealed class RowRequest(IProtocolRequest read, string contentType, RowWriter write) : IProtocolRequest
    {
        public PredictRequest Prediction => read.Prediction;

        public PredictError? Write(PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body)
        {
            if (write(body, response) is { } error)
            {
                return error;
            }

            to.ContentType = contentType;
            return null;
        }

        public void Dispose() => read.Dispose();
    }

    private sealed class TritonRequest(IProtocolRequest read) : IProtocolRequest
    {
        public PredictRequest Prediction => read.Prediction;

        public PredictError? Write(PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body)
        {
            PredictError? error = read.Write(response, servable, to, body);
            if (error is null && to.Headers[InferenceHeader.Name].ToString() is { Length: > 0 } jsonLength)
            {
                to.ContentType = Bodies.TritonBinary.ContentType(jsonLength);
            }

            return error;
        }

        public void Dispose() => read.Dispose();
    }
}
