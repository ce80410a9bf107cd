using System.Buffers;
using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.OpenApi;

/// <summary>A request of the native dialect that a model has answered: the inputs of its warm-up, as a body to send.</summary>
internal static class ExampleBody
{
    /// <summary>The body, or null where nothing is known to work or where it has more elements than wanted.</summary>
    public static string? TryWrite(Servable servable, long mostElements)
    {
        IReadOnlyList<NamedTensor> inputs = servable.Example;
        bool known = inputs.Count > 0 || servable.Signature.Inputs.All(input => input.Optional);
        if (!known || inputs.Sum(input => input.Tensor.ElementCount) > mostElements || inputs.Any(input => !JsonTensorWriter.CanNest(input.Tensor.Shape)))
        {
            return null;
        }

        var body = new ArrayBufferWriter<byte>();
        var output = new JsonOutput(body);
        output.Write("{\"inputs\":{"u8);
        for (int i = 0; i < inputs.Count; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            JsonStringWriter.Write(ref output, inputs[i].Name);
            output.Write((byte)':');
            JsonTensorWriter.WriteNested(ref output, inputs[i].Tensor, NonFiniteStyle.Quoted);
        }

        output.Write("}}"u8);
        output.Flush();
        return Encoding.UTF8.GetString(body.WrittenSpan);
    }
}
