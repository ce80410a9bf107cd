using System.Globalization;
using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.Json.Numbers;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Json;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json.Numbers;

public sealed class JsonArrayReaderTests
{
    private const int Literals = 60_000;

    public static TheoryData<TensorType> FloatTypes => [TensorType.Fp16, TensorType.Bf16, TensorType.Fp32, TensorType.Fp64];

    public static TheoryData<TensorType> FixedSizeTypes => [.. Enum.GetValues<TensorType>().Where(type => type != TensorType.Bytes)];

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void TryRead_RandomAndHostileLiterals_HasTheBitsOfThePlainParser(TensorType type)
    {
        string[] texts = [.. JsonLiterals.Floats(Literals, seed: 3).Concat(JsonLiterals.Everyday(Literals, seed: 4)).Where(text => IsFinite(type, text))];
        foreach (int row in new[] { 1, 5, texts.Length })
        {
            for (int i = 0; i < texts.Length; i += row)
            {
                string[] some = texts[i..Math.Min(texts.Length, i + row)];
                byte[] elements = Fast($"[{string.Join(',', some)}]", type)!;
                Assert.Equal(some.Length * type.ElementSize(), elements.Length);
                AssertParsed(type, some, elements);
            }
        }
    }

    // What is a number's place in its block of 64 bytes, what stands before and behind it, must not matter.
    [Theory]
    [MemberData(nameof(FixedSizeTypes))]
    public void TryRead_AnyPlaceInTheText_GivesTheSameElement(TensorType type)
    {
        string[] numbers = type.IsFloat()
            ? ["0", "-0.5", "1.25", "1234.5678", "-0.00048828125", "65504", "0.1234567890123456", "-12.5e-1", "NaN", "\"-inf\""]
            : type == TensorType.Bool ? ["0", "1", "true", "false", "1.0"]
            : ["0", "7", "12", "100", "1e1", "5.0"];
        foreach (string number in numbers)
        {
            byte[] alone = Fast($"[{number}]", type)!;
            foreach (string separator in new[] { ",", ", ", " ,\n " })
            {
                for (int before = 0; before < 70; before++)
                {
                    string filling = string.Concat(Enumerable.Repeat("1" + separator, before % 35));
                    string json = $"[{new string(' ', before / 35)}{filling}{number}{separator}{string.Join(separator, Enumerable.Repeat("1", 90))}]";
                    byte[] elements = Fast(json, type) ?? throw new InvalidOperationException(json);
                    Assert.True(elements.AsSpan(before % 35 * type.ElementSize(), type.ElementSize()).SequenceEqual(alone), json);
                }
            }
        }
    }

    // The fast way and the plain one are two readers of one language.
    [Theory]
    [MemberData(nameof(FixedSizeTypes))]
    public void Read_MutatedArrays_AgreesWithThePlainWayInValueAndFault(TensorType type)
    {
        var random = new Random(17 + (int)type);
        int read = 0;
        for (int i = 0; i < 4_000; i++)
        {
            string json = Mutate(Grow(random, type), random, random.Next(3));
            (string plain, _) = Outcome(json, type, fast: false);
            (string fast, bool valid) = Outcome(json, type, fast: true);
            Assert.True(plain == fast, $"{type} {json}\nplain {plain}\nfast  {fast}");
            read += valid ? 1 : 0;
        }

        Assert.InRange(read, 300, 3_700);
    }

    [Theory]
    [MemberData(nameof(FixedSizeTypes))]
    public void Read_TextCutAnywhere_AgreesWithThePlainWay(TensorType type)
    {
        string json = type.IsFloat()
            ? "[[1.5,-2.25, 3e-1,NaN,\"Infinity\",0.1234567890123456789],[7,8,9,10,11,12],[0.5,0.25,0.125,1,2,-3]]"
            : "[[1,0, 1,1.0,1e0],[0,1,1,0,1],[1,1,1,1,1],[0,0,0,0,0],[1,1,1,1,1],[1,1,1,1,1],[1,1,1,1,1],[1,1,1,1,1]]";
        for (int length = 0; length <= json.Length; length++)
        {
            Assert.Equal(Outcome(json[..length], type, fast: false), Outcome(json[..length], type, fast: true));
        }
    }

    [Theory]
    [InlineData("[1,2,3]")]
    [InlineData("[[1,2],[3,4]]")]
    [InlineData(" [ [ ] , [ ] ] ")]
    [InlineData("[[[1.5e3]],\n\t[[-0.0]]]")]
    public void TryRead_Json_IsTaken(string json) => Assert.NotNull(Fast(json, TensorType.Fp32));

    // Each is read by the plain way, which says what is wrong; taken here, the fault would go unseen.
    [Theory]
    [InlineData("[01]")]
    [InlineData("[-]")]
    [InlineData("[-01]")]
    [InlineData("[1.]")]
    [InlineData("[.5]")]
    [InlineData("[+1]")]
    [InlineData("[1e]")]
    [InlineData("[1e+]")]
    [InlineData("[1.5.5]")]
    [InlineData("[1,]")]
    [InlineData("[,1]")]
    [InlineData("[[1],]")]
    [InlineData("[1 2]")]
    [InlineData("[1,2")]
    [InlineData("[1]]", true)]
    [InlineData("[1,[2]]")]
    [InlineData("[[1],[2,3]]")]
    [InlineData("[null]")]
    [InlineData("[nan]")]
    [InlineData("[-inf]")]
    [InlineData("[\"1\"]")]
    [InlineData("[1e400]")]
    [InlineData("[{}]")]
    public void TryRead_AnythingElse_IsLeftToThePlainWay(string json, bool isTaken = false)
    {
        // Also where there is enough text around it for whole blocks.
        string ones = string.Concat(Enumerable.Repeat("1,", 60));
        Assert.Equal(isTaken, Fast(json, TensorType.Fp32) is not null);
        Assert.Equal(isTaken, Fast(json.Insert(json.LastIndexOf('[') + 1, ones), TensorType.Fp32) is not null);
        if (!isTaken)
        {
            Assert.Null(Fast(json.Insert(json.LastIndexOf('[') + 1, ones) + new string(' ', 200), TensorType.Fp32));
            Assert.Null(Fast(json.Replace("]", "," + ones + "1]", StringComparison.Ordinal), TensorType.Fp32));
        }
    }

    // Long numbers between short ones, and rows that end in the middle of a block.
    [Fact]
    public void TryRead_RowsOfMixedLengths_AreReadInOrder()
    {
        var random = new Random(31);
        for (int round = 0; round < 3_000; round++)
        {
            int columns = random.Next(1, 12);
            string[] numbers = [.. JsonLiterals.Everyday(columns * random.Next(1, 30), random.Next()).Where(text => IsFinite(TensorType.Fp32, text))];
            string separator = random.Next(2) == 0 ? "," : ", ";
            string[] rows = [.. numbers.Chunk(columns).Where(row => row.Length == columns).Select(row => $"[{string.Join(separator, row)}]")];
            string json = $"[{string.Join(separator, rows)}]";
            byte[] elements = Fast(json, TensorType.Fp32) ?? throw new InvalidOperationException(json);
            AssertParsed(TensorType.Fp32, numbers[..(rows.Length * columns)], elements);
        }
    }

    [Fact]
    public void TryRead_Depth_IsBounded()
    {
        string json = "[[[1]]]";
        Assert.NotNull(Fast(json, TensorType.Fp32, depth: 3));
        Assert.Null(Fast(json, TensorType.Fp32, depth: 2));
    }

    [Fact]
    public void PowersOfFive_AreWhatTheirDefinitionSays()
    {
        Assert.Equal((0x8000_0000_0000_0000UL, 0UL), (PowersOfFive.High(0), PowersOfFive.Low(0)));
        Assert.Equal((0xA000_0000_0000_0000UL, 0UL), (PowersOfFive.High(1), PowersOfFive.Low(1)));
        Assert.Equal((0xCCCC_CCCC_CCCC_CCCCUL, 0xCCCC_CCCC_CCCC_CCCDUL), (PowersOfFive.High(-1), PowersOfFive.Low(-1)));

        // The first and the last of the table as the paper prints it; ours goes on, for writing.
        Assert.Equal((0xEEF4_53D6_923B_D65AUL, 0x113F_AA29_06A1_3B3FUL), (PowersOfFive.High(PowersOfFive.Least), PowersOfFive.Low(PowersOfFive.Least)));
        Assert.Equal((0x8E67_9C2F_5E44_FF8FUL, 0x570F_09EA_A7EA_7648UL), (PowersOfFive.High(308), PowersOfFive.Low(308)));
    }

    private static bool IsFinite(TensorType type, string text) =>
        type == TensorType.Fp64 ? double.IsFinite(double.Parse(text, CultureInfo.InvariantCulture)) : double.IsFinite(JsonScalarsTests.Reference(type, text));

    private static void AssertParsed(TensorType type, string[] texts, byte[] elements)
    {
        Span<byte> plain = stackalloc byte[type.ElementSize()];
        for (int i = 0; i < texts.Length; i++)
        {
            JsonScalars.ReadNumber(Encoding.ASCII.GetBytes(texts[i]), type, plain);
            if (!plain.SequenceEqual(elements.AsSpan(i * plain.Length, plain.Length)))
            {
                Assert.Fail($"{type} {texts[i]}: expected {Convert.ToHexString(plain)}, read {Convert.ToHexString(elements, i * plain.Length, plain.Length)}");
            }
        }
    }

    // Null where the fast way gave up.
    private static byte[]? Fast(string json, TensorType type, int depth = JsonText.MaxDepth)
    {
        using JsonText text = JsonText.Open(Encoding.UTF8.GetBytes(json), new FaultList())!;
        using var elements = new JsonElementStore();
        elements.Begin(text, type, -1);
        var shape = new NestedShape();
        int at = 0;
        if (!JsonArrayReader.TryRead(text.Original, ref at, depth, ref shape, elements))
        {
            return null;
        }

        Assert.Equal((byte)']', text.Original[at]);
        using TensorBuffer buffer = elements.Detach();
        return buffer.Span.ToArray();
    }

    private static (string Text, bool IsValid) Outcome(string json, TensorType type, bool fast)
    {
        // Keys around the value: a reader that was left at a wrong place shows.
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(Encoding.UTF8.GetBytes($"{{\"a\":{json},\"b\":[NaN,\"x\"]}}"), faults);
        if (text is null)
        {
            return (Join(faults), false);
        }

        Utf8JsonReader reader = text.CreateReader();
        try
        {
            reader.Read();
            reader.Read();
            reader.Read();
            using var builder = JsonTensorBuilder.Rent(text, "a", type, -1, faults);
            if (fast)
            {
                builder.Read(ref reader);
            }
            else
            {
                builder.ReadTokens(ref reader);
            }

            var after = new StringBuilder();
            while (reader.Read())
            {
                after.Append(reader.TokenType).Append(text.IsBareToken(reader, out ReadOnlySpan<byte> token) ? Encoding.UTF8.GetString(token) : "").Append(reader.CurrentDepth);
            }

            using Tensor? tensor = builder.ToTensor(null);
            return ($"{JsonReading.Shape(tensor)} {(tensor is null ? "" : Convert.ToHexString(tensor.Data))} {after} {Join(faults)}", tensor is not null);
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
            return (Join(faults), false);
        }
    }

    private static string Join(FaultList faults) => string.Join('|', faults.Faults.Select(fault => fault.Message));

    // One to three dimensions, with the odd word, blank and deep fraction.
    private static string Grow(Random random, TensorType type)
    {
        int rank = random.Next(1, 4);
        int[] shape = [.. Enumerable.Range(0, rank).Select(_ => random.Next(1, rank == 1 ? 60 : 6))];
        string[] separators = [",", ", ", ",\n  ", " , "];
        string separator = separators[random.Next(4) == 0 ? random.Next(separators.Length) : random.Next(2)];
        return Level(shape);

        string Level(ReadOnlySpan<int> rest)
        {
            if (rest.IsEmpty)
            {
                return Number();
            }

            var parts = new List<string>();
            for (int i = 0; i < rest[0]; i++)
            {
                parts.Add(Level(rest[1..]));
            }

            return $"[{string.Join(separator, parts)}]";
        }

        string Number() => random.Next(30) == 0
            ? random.Next(6) switch { 0 => "NaN", 1 => "\"nan\"", 2 => "-Infinity", 3 => "true", 4 => "1e2", _ => "-0.0" }
            : type.IsFloat() ? JsonLiterals.Everyday(1, random.Next()).First()
            : type == TensorType.Bool ? random.Next(2) == 0 ? "1" : "false"
            : (random.NextInt64() >> random.Next(56, 64)).ToString(CultureInfo.InvariantCulture);
    }

    private static string Mutate(string json, Random random, int times)
    {
        const string Bytes = "0123456789.-+eE,[] \n\"NaIt{}:x";
        var text = new StringBuilder(json);
        for (int i = 0; i < times && text.Length > 1; i++)
        {
            int at = random.Next(text.Length);
            char byChance = Bytes[random.Next(Bytes.Length)];
            switch (random.Next(3))
            {
                case 0:
                    text[at] = byChance;
                    break;
                case 1:
                    text.Insert(at, byChance);
                    break;
                default:
                    text.Remove(at, 1);
                    break;
            }
        }

        return text.ToString();
    }
}
