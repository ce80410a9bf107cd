using System.Buffers;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols;

/// <summary>One dialect of prediction over HTTP: it reads a body into a request and writes the response, nothing else.</summary>
internal interface IPredictProtocol
{
    /// <summary>Whether the header of a binary part (<c>Inference-Header-Content-Length</c>) means anything to it.</summary>
    bool TakesBinary { get; }

    /// <summary>Where in its memory a body should begin, in bytes from an aligned address, so that tensors in it can be used where they lie.</summary>
    int StartOf(HttpRequest request) => 0;

    /// <summary>
    /// Reads a body against the servable's signature. All faults go to <paramref name="faults"/>; null only together with faults,
    /// and then nothing is left to dispose. Tensors may be views of the body:
    /// whoever disposes that calls <see cref="PredictRequest.TakeOver"/> first.
    /// </summary>
    IProtocolRequest? Read(HttpContext http, ModelSpec asked, ReadOnlyMemory<byte> body, Servable servable, FaultList faults);
}

/// <summary>A request that was read, with what its protocol must remember until it answers. Owns its tensors.</summary>
internal interface IProtocolRequest : IDisposable
{
    /// <summary>What the data plane needs of it.</summary>
    PredictRequest Prediction { get; }

    /// <summary>
    /// Writes the answer's bytes to <paramref name="body"/> without flushing, and sets the headers that are the protocol's own (content type
    /// among them). An error instead of null means that nothing useful was written; the answer is then that error.
    /// </summary>
    PredictError? Write(PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body);
}
