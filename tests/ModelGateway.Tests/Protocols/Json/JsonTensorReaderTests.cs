using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

public sealed class JsonTensorReaderTests
{
    [Theory]
    [InlineData("5", "[]")]
    [InlineData("[]", "[0]")]
    [InlineData("[[],[]]", "[2, 0]")]
    [InlineData("[[[]],[[]]]", "[2, 1, 0]")]
    [InlineData("[1]", "[1]")]
    [InlineData("[[1,2,3],[4,5,6]]", "[2, 3]")]
    [InlineData(" [ [ [ 1 ] , [ 2 ] ] ] ", "[1, 2, 1]")]
    [InlineData("[[[[[[[[[1]]]]]]]]]", "[1, 1, 1, 1, 1, 1, 1, 1, 1]")]
    public void ReadNested_AnyNesting_HasItsShape(string json, string shape)
    {
        using Tensor tensor = JsonReading.Tensor(json, TensorType.Fp32);
        Assert.Equal(shape, JsonReading.Shape(tensor));
    }

    [Theory]
    [InlineData("[]", "-1,4", "[0, 4]")]
    [InlineData("[]", "-1,-1,3", "[0, 0, 3]")]
    [InlineData("[[],[]]", "-1,-1,3", "[2, 0, 3]")]
    [InlineData("[]", "-1", "[0]")]
    [InlineData("[]", "", "[0]")]
    [InlineData("[[]]", "-1", "[1, 0]")]
    [InlineData("[1]", "-1,4", "[1]")]
    public void ReadNested_EmptyArray_HidesDimensionsThatTheModelKnows(string json, string declared, string shape)
    {
        long[] dimensions = [.. declared.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        (Tensor? tensor, _) = JsonReading.Nested(json, TensorType.Fp32, dimensions);
        Assert.Equal(shape, JsonReading.Shape(tensor));
        tensor!.Dispose();
    }

    [Fact]
    public void ReadNested_Matrix_IsRowMajor()
    {
        using Tensor tensor = JsonReading.Tensor("[[1,2,3],[4,5,6]]", TensorType.Int32);
        Assert.Equal([1, 2, 3, 4, 5, 6], tensor.AsSpan<int>().ToArray());
    }

    [Fact]
    public void ReadNested_MoreElementsThanExpected_GrowsAndKeepsAll()
    {
        long[] expected = [.. Enumerable.Range(0, 10_000).Select(i => (long)i)];
        foreach (long[]? dimensions in new long[]?[] { null, [2], [-1], [10_000], [0], [long.MaxValue] })
        {
            (Tensor? tensor, _) = JsonReading.Nested($"[{string.Join(',', expected)}]", TensorType.Int64, dimensions);
            using (tensor)
            {
                Assert.Equal(expected, tensor!.AsSpan<long>().ToArray());
            }
        }
    }

    [Theory]
    [InlineData("[[1,2],[3]]", "[1] has 1 element, but the arrays before it have 2")]
    [InlineData("[[1],[2,3]]", "[1] has 2 elements, but the arrays before it have 1")]
    [InlineData("[[[1],[2]],[[3],[4,5]]]", "[1][1] has 2 elements, but the arrays before it have 1")]
    [InlineData("[[[1]],[]]", "[1] has 0 elements, but the arrays before it have 1")]
    [InlineData("[[],[1]]", "[1] has 1 element, but the arrays before it have 0")]
    [InlineData("[1,[2]]", "[1] is an array, but the elements before it are not")]
    [InlineData("[[],[[]]]", "[1][0] is an array, but the elements before it are not")]
    [InlineData("[[1],2]", "[1] is no array, but the elements before it are")]
    [InlineData("[[],\"a\"]", "[1] is no array, but the elements before it are")]
    [InlineData("[[[1]],[2]]", "[1][0] is no array, but the elements before it are")]
    public void ReadNested_Ragged_IsOneFaultWithItsPlace(string json, string place)
    {
        RequestFault fault = JsonReading.Fault(json, TensorType.Fp32);
        Assert.Equal("x", fault.Target);
        Assert.Equal($"Input 'x' is ragged: {place}.", fault.Message);
    }

    [Theory]
    [InlineData("[[1,\"secret\"]]", TensorType.Int32, "Input 'x' expects INT32 (numbers), but got a string at [0][1].", "a string")]
    [InlineData("[true]", TensorType.Fp32, "Input 'x' expects FP32 (numbers), but got a boolean at [0].", "a boolean")]
    [InlineData("[null]", TensorType.Fp64, "Input 'x' expects FP64 (numbers), but got null at [0].", "null")]
    [InlineData("null", TensorType.Bytes, "Input 'x' expects BYTES (strings), but got null.", "null")]
    [InlineData("[{\"a\":[1]}]", TensorType.Int8, "Input 'x' expects INT8 (numbers), but got an object at [0].", "an object")]
    [InlineData("{}", TensorType.Fp32, "Input 'x' expects FP32 (numbers), but got an object.", "an object")]
    [InlineData("[1,7]", TensorType.Bytes, "Input 'x' expects BYTES (strings), but got a number at [0].", "a number")]
    [InlineData("[\"secret\"]", TensorType.Bool, "Input 'x' expects BOOL (true, false, 0 or 1), but got a string at [0].", "a string")]
    [InlineData("[\"1.5\"]", TensorType.Fp16, "Input 'x' expects FP16 (numbers), but got a string at [0]; the only strings it takes are \"NaN\", \"Infinity\" and \"-Infinity\".", "a string")]
    [InlineData("[NaN]", TensorType.Int64, "Input 'x' expects INT64 (numbers), but got a non-finite number at [0].", "a non-finite number")]
    [InlineData("[NaN]", TensorType.Bytes, "Input 'x' expects BYTES (strings), but got a non-finite number at [0].", "a non-finite number")]
    [InlineData("[{\"b65\":\"AA==\"}]", TensorType.Bytes, "Input 'x' expects BYTES (strings), but got an object at [0]; the only object it takes is {\"b64\": \"...\"}.", "an object")]
    public void ReadNested_WrongKind_NamesPlaceAndKindNeverTheValue(string json, TensorType type, string message, string got)
    {
        (Tensor? tensor, FaultList faults) = JsonReading.Nested(json, type);
        Assert.Null(tensor);
        Assert.Equal(message, faults.Faults[0].Message);
        Assert.Equal(type.Name(), faults.Faults[0].Expected);
        Assert.Equal(got, faults.Faults[0].Got);
    }

    [Fact]
    public void ReadNested_ManyFaults_TellsTheFirstFew()
    {
        (_, FaultList faults) = JsonReading.Nested("[[null,1,null],[null,null,null]]", TensorType.Fp32);
        Assert.Equal(3, faults.Faults.Count);
        Assert.Contains("[0][0]", faults.Faults[0].Message, StringComparison.Ordinal);
        Assert.Contains("[0][2]", faults.Faults[1].Message, StringComparison.Ordinal);
        Assert.Contains("[1][0]", faults.Faults[2].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "")]
    [InlineData("[\"\"]", "|")]
    [InlineData("[\"a\",\"\",\"b c\"]", "a||b c|")]
    [InlineData("[\"\\u0041\\n\\\"\\\\\\/\"]", "A\n\"\\/|")]
    [InlineData("[\"grün\",\"日本語\",\"😀\",\"\\ud83d\\ude00\",\"\\u0000\"]", "grün|日本語|😀|😀|\0|")]
    [InlineData("[\"NaN\",\"Infinity\"]", "NaN|Infinity|")]
    [InlineData("[{\"b64\":\"aGk=\"},{ \"b64\" : \"\" },{\"\\u006264\":\"\\u0061Gk=\"}]", "hi||hi|")]
    public void ReadNested_Strings_AreUnescapedOnce(string json, string joined)
    {
        using Tensor tensor = JsonReading.Tensor(json, TensorType.Bytes);
        Assert.Equal(joined, string.Concat(tensor.ToStrings().Select(text => text + "|")));
        Assert.True(BytesReader.TryCount(tensor.Data, out long count));
        Assert.Equal(tensor.ElementCount, count);
    }

    [Fact]
    public void ReadNested_LongStrings_AreKeptWhole()
    {
        string[] texts = [.. Enumerable.Range(0, 300).Select(i => new string((char)('a' + (i % 26)), i * 7))];
        using Tensor tensor = JsonReading.Tensor($"[{string.Join(',', texts.Select(text => $"\"{text}\""))}]", TensorType.Bytes);
        Assert.Equal(texts, tensor.ToStrings());
    }

    [Fact]
    public void ReadNested_Base64_HoldsAnyBytes()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        using Tensor tensor = JsonReading.Tensor($"{{\"b64\":\"{Convert.ToBase64String(bytes)}\"}}", TensorType.Bytes);
        Assert.Empty(tensor.Shape);
        Assert.Equal(bytes, tensor.Data[4..].ToArray());
    }

    [Theory]
    [InlineData("\"\\ud800\"", "Input 'x' has a string with half of a surrogate pair, which is no Unicode text.")]
    [InlineData("[\"ok\",\"\\udc00 \\ud800\"]", "Input 'x' has a string at [1] with half of a surrogate pair, which is no Unicode text.")]
    [InlineData("[{\"b64\":\"%%%%\"}]", "Input 'x' has a \"b64\" string at [0] that is not base64.")]
    [InlineData("[{\"b64\":\"aGk\"}]", "Input 'x' has a \"b64\" string at [0] that is not base64.")]
    public void ReadNested_BrokenString_IsAFault(string json, string message) =>
        Assert.Equal(message, JsonReading.Fault(json, TensorType.Bytes).Message);

    [Theory]
    [InlineData("[{}]")]
    [InlineData("[{\"b64\":1}]")]
    [InlineData("[{\"b64\":NaN}]")]
    [InlineData("[{\"b64\":null}]")]
    [InlineData("[{\"b64\":[\"aGk=\",{}]}]")]
    [InlineData("[{\"b64\":\"aGk=\",\"b64\":\"aGk=\"}]")]
    [InlineData("[{\"b64\":\"aGk=\",\"other\":{\"deep\":[1]}}]")]
    [InlineData("[{\"\\ud800\":\"aGk=\"}]")]
    public void ReadNested_ObjectOfAnotherForm_IsAFaultAndSkipped(string json) =>
        Assert.Equal("an object", JsonReading.Fault(json, TensorType.Bytes).Got);

    [Theory]
    [InlineData("[1,2,3,4,5,6]", "2,3")]
    [InlineData("[[1,2,3],[4,5,6]]", "2,3")]
    [InlineData("[1,2,3,4,5,6]", "6")]
    [InlineData("[1,2,3,4,5,6]", "1,2,1,3")]
    [InlineData("[7]", "")]
    [InlineData("7", "")]
    [InlineData("[]", "0")]
    [InlineData("[]", "2,0")]
    [InlineData("[[],[]]", "2,0")]
    [InlineData("[]", "0,3")]
    [InlineData("[]", "9223372036854775807,0,5")]
    public void ReadData_FlatOrNested_HasTheGivenShape(string json, string shape)
    {
        long[] dimensions = [.. shape.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        (Tensor? tensor, FaultList faults) = JsonReading.Data(json, TensorType.Fp64, dimensions);
        Assert.Empty(faults.Faults);
        Assert.Equal(dimensions, tensor!.Shape);
        tensor.Dispose();
    }

    [Theory]
    [InlineData("[1,2,3]", "2,2", "Input 'x' has shape [2, 2], which is 4 elements, but its data has 3.")]
    [InlineData("[1,2,3,4,5]", "2,2", "Input 'x' has shape [2, 2], which is 4 elements, but its data has 5.")]
    [InlineData("[]", "1000000000000", "Input 'x' has shape [1000000000000], which is 1000000000000 elements, but its data has 0.")]
    [InlineData("[[1,2],[3,4],[5,6]]", "2,3", "Input 'x' has shape [2, 3], but its data is nested as [3, 2]; give it flat, or nested as the shape says.")]
    [InlineData("[[1,2,3,4]]", "4", "Input 'x' has shape [4], but its data is nested as [1, 4]; give it flat, or nested as the shape says.")]
    [InlineData("7", "1", "Input 'x' has shape [1], but its data is a single value; give it flat, or nested as the shape says.")]
    [InlineData("[1]", "-1", "Input 'x' has the shape [-1], which is not valid.")]
    [InlineData("[1]", "9223372036854775807,2", "Input 'x' has the shape [9223372036854775807, 2], which is not valid.")]
    [InlineData("[[1],[2,3]]", "3", "Input 'x' is ragged: [1] has 2 elements, but the arrays before it have 1.")]
    public void ReadData_OtherData_IsAFault(string json, string shape, string message)
    {
        long[] dimensions = [.. shape.Split(',').Select(long.Parse)];
        (Tensor? tensor, FaultList faults) = JsonReading.Data(json, TensorType.Fp32, dimensions);
        Assert.Null(tensor);
        Assert.Equal(message, Assert.Single(faults.Faults).Message);
    }

    [Fact]
    public void ReadData_HugeShapeInASmallBody_RentsNoMemoryForIt()
    {
        JsonReading.Data("[1]", TensorType.Fp64, 1L << 40);
        long before = GC.GetAllocatedBytesForCurrentThread();
        JsonReading.Data("[1]", TensorType.Fp64, 1L << 40);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000);
    }

    [Theory]
    [InlineData(62, true)]
    [InlineData(63, true)]
    [InlineData(64, false)]
    [InlineData(10_000, false)]
    public void ReadNested_Deep_IsBounded(int depth, bool valid)
    {
        // The array around the value is one more.
        string json = new StringBuilder().Append('[', depth).Append('1').Append(']', depth).ToString();
        (Tensor? tensor, FaultList faults) = JsonReading.Nested(json, TensorType.Int8);
        Assert.Equal(valid, tensor is not null);
        Assert.Equal(valid ? [] : ["The JSON is nested deeper than 64 levels at line 1, byte 65."], faults.Faults.Select(fault => fault.Message));
        tensor?.Dispose();
    }
}
