using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" \r\n\t ")]
    [InlineData("\uFEFF")]
    public void Open_NothingInTheBody_IsAFault(string body) =>
        Assert.Equal("The body is empty; it must be a JSON object.", OpenFault(Encoding.UTF8.GetBytes(body)));

    [Theory]
    [InlineData("7B22FF22", 2)]
    [InlineData("C3", 0)]
    [InlineData("5B22C3A9C322", 5 - 1)]
    [InlineData("EDA080", 0)]
    [InlineData("41F4908080", 1)]
    [InlineData("C080", 0)]
    [InlineData("EFBBBF7BFE", 4)]
    public void Open_NotUtf8_NamesTheOffset(string hex, int offset) =>
        Assert.Equal(
            $"The body is not valid UTF-8: the byte at offset {offset} cannot stand there.",
            OpenFault(Convert.FromHexString(hex)));

    [Fact]
    public void Open_ByteOrderMark_IsSkipped()
    {
        using JsonText? text = JsonText.Open(Encoding.UTF8.GetBytes("\uFEFF{}"), new FaultList());
        Assert.True(text!.Span.SequenceEqual("{}"u8));
    }

    [Theory]
    [InlineData("{", "The JSON ends too early, at line 1, byte 2: something is still open.")]
    [InlineData("{\"a\":[1,2", "The JSON ends too early, at line 1, byte 10: something is still open.")]
    [InlineData("{\"secret", "The JSON ends too early, at line 1, byte 9: something is still open.")]
    [InlineData("[1,\n 2,\n  x]", "The body is not valid JSON at line 3, byte 3.")]
    [InlineData("[secret]", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("[01]", "The body is not valid JSON at line 1, byte 3.")]
    [InlineData("[.5]", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("[+1]", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("[1.]", "The body is not valid JSON at line 1, byte 4.")]
    [InlineData("[--NaN]", "The body is not valid JSON at line 1, byte 3.")]
    [InlineData("[NaN1]", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("{NaN:1}", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("[1]garbage", "The body is not valid JSON at line 1, byte 4.")]
    [InlineData("[1][2]", "The body is not valid JSON at line 1, byte 4.")]
    [InlineData("[1] // why", "The body is not valid JSON at line 1, byte 5: JSON has no comments.")]
    [InlineData("[1,/* why */2]", "The body is not valid JSON at line 1, byte 4: JSON has no comments.")]
    [InlineData("{'a':1}", "The body is not valid JSON at line 1, byte 2: JSON names and strings stand in double quotes.")]
    [InlineData("[1, ]", "The body is not valid JSON at line 1, byte 5: JSON has no trailing commas.")]
    [InlineData("{\"a\":1,}", "The body is not valid JSON at line 1, byte 8: JSON has no trailing commas.")]
    [InlineData("[1 [2]]", "The body is not valid JSON at line 1, byte 4.")]
    [InlineData("[NaN, x]", "The body is not valid JSON at line 1, byte 7.")]
    public void Report_NoJson_SaysWhereAndNeverWhat(string json, string message) => Assert.Equal(message, SyntaxFault(json));

    [Theory]
    [InlineData('[')]
    [InlineData('{')]
    public void Report_TooDeep_SaysSo(char open)
    {
        string level = open == '[' ? "[" : "{\"a\":";
        string json = string.Concat(Enumerable.Repeat(level, 64)) + level;
        Assert.Equal($"The JSON is nested deeper than 64 levels at line 1, byte {(64 * level.Length) + 1}.", SyntaxFault(json));
    }

    private static string OpenFault(byte[] body)
    {
        var faults = new FaultList();
        Assert.Null(JsonText.Open(body, faults));
        return Assert.Single(faults.Faults).Message;
    }

    private static string SyntaxFault(string json)
    {
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(Encoding.UTF8.GetBytes(json), faults);
        Utf8JsonReader reader = text!.CreateReader();
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
        }

        return Assert.Single(faults.Faults).Message;
    }
}
