using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Protocols.Native;

public sealed class NativeModelPeekTests
{
    [Theory]
    [InlineData("{\"model\":\"iris\"}", "iris", null)]
    [InlineData("{\"model\":\"iris\",\"version\":3}", "iris", "3")]
    [InlineData("{\"version\":\"stable\",\"inputs\":{\"model\":[\"no\"]},\"model\":\"iris\"}", "iris", "stable")]
    [InlineData("{\"inputs\":[[[1,NaN]]],\"\\u006dodel\":\"ir\\u0069s\"}", "iris", null)]
    [InlineData("{\"inputs\":[1]}", null, null)]
    [InlineData("{\"inputs\":{\"model\":\"no\",\"version\":1}}", null, null)]
    [InlineData("{\"model\":\"first\",\"model\":\"second\"}", "first", null)]
    [InlineData("{\"model\":\"iris\",\"version\":1,broken", "iris", "1")]
    [InlineData("[\"model\"]", null, null)]
    [InlineData("{\"version\":12345678901234567890123}", null, null, "'version' must be a string or a positive whole number.")]
    [InlineData("{\"version\":-1}", null, null, "'version' must be a string or a positive whole number.")]
    [InlineData("{\"version\":NaN}", null, null, "'version' must be a string or a positive whole number.")]
    [InlineData("{\"model\":[\"iris\"]}", null, null, "'model' must be a string, but it is an array.")]
    [InlineData("{\"model\":NaN}", null, null, "'model' must be a string, but it is a non-finite number.")]
    [InlineData("{\"model\":\"\\ud800\"}", null, null, "'model' must be a string, but it is a string with half of a surrogate pair.")]
    [InlineData("{\"\\ud800\":1,\"model\":\"iris\"}", null, null, "A key of the body has half of a surrogate pair, which is no Unicode text.")]
    [InlineData("{\"inputs\":[1,\"model\":\"iris\"}", null, null, "The body is not valid JSON at line 1, byte 21.")]
    [InlineData("{\"model\"", null, null, "The JSON ends too early, at line 1, byte 9: something is still open.")]
    public void TryReadModel_AnyBody_FindsWhatStandsAtTheTop(string body, string? model, string? version, string? fault = null)
    {
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(Encoding.UTF8.GetBytes(body), faults);
        Assert.Equal(fault is null, NativeModelPeek.TryReadModel(text!, faults, out string? foundModel, out string? foundVersion));
        Assert.Equal(fault, faults.Faults.SingleOrDefault()?.Message);
        Assert.Equal((model, version), (foundModel, foundVersion));
    }
}
