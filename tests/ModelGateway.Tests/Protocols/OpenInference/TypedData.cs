using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Three elements of every datatype, as the JSON that the gateway writes and as the bytes of the binary extension.</summary>
internal static class TypedData
{
    private static readonly Dictionary<string, (string Json, byte[] Bytes)> ByType = new()
    {
        ["BOOL"] = ("[true,false,true]", [1, 0, 1]),
        ["UINT8"] = ("[0,7,255]", [0, 7, 255]),
        ["UINT16"] = ("[0,7,65535]", Bytes<ushort>(BitConverter.GetBytes, 0, 7, ushort.MaxValue)),
        ["UINT32"] = ("[0,7,4294967295]", Bytes<uint>(BitConverter.GetBytes, 0, 7, uint.MaxValue)),
        ["UINT64"] = ("[0,7,18446744073709551615]", Bytes<ulong>(BitConverter.GetBytes, 0, 7, ulong.MaxValue)),
        ["INT8"] = ("[-128,7,127]", [0x80, 7, 127]),
        ["INT16"] = ("[-32768,7,32767]", Bytes<short>(BitConverter.GetBytes, short.MinValue, 7, short.MaxValue)),
        ["INT32"] = ("[-2147483648,7,2147483647]", Bytes<int>(BitConverter.GetBytes, int.MinValue, 7, int.MaxValue)),
        ["INT64"] = ("[-9223372036854775808,7,9223372036854775807]", Bytes<long>(BitConverter.GetBytes, long.MinValue, 7, long.MaxValue)),
        ["FP16"] = ("[1.5,-0.25,65504]", Bytes<Half>(BitConverter.GetBytes, (Half)1.5f, (Half)(-0.25f), (Half)65504f)),
        ["BF16"] = ("[1.5,-0.25,128]", Bytes<ushort>(BitConverter.GetBytes, 0x3FC0, 0xBE80, 0x4300)),
        ["FP32"] = ("[1.5,-0.1,3.4028235E+38]", Bytes<float>(BitConverter.GetBytes, 1.5f, -0.1f, float.MaxValue)),
        ["FP64"] = ("[1.5,-0.1,1.7976931348623157E+308]", Bytes<double>(BitConverter.GetBytes, 1.5, -0.1, double.MaxValue)),
        ["BYTES"] = ("[\"a\",\"\",\"żółć 🙂\\n\"]", InferCalls.Strings("a", "", "żółć 🙂\n")),
    };

    public static TheoryData<string> AllTypes => [.. ByType.Keys];

    public static string Json(string type) => ByType[type].Json;

    public static byte[] Bytes(string type) => ByType[type].Bytes;

    private static byte[] Bytes<T>(Func<T, byte[]> bytes, params T[] values) => [.. values.SelectMany(bytes)];
}
