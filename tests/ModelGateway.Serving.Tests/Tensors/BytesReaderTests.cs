using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class BytesReaderTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("00000000", 1)]
    [InlineData("0000000000000000", 2)]
    [InlineData("0100000061", 1)]
    [InlineData("0100000061" + "00000000" + "020000006263", 3)]
    public void TryCount_LengthsThatAddUp_CountsTheElements(string data, long count)
    {
        Assert.True(BytesReader.TryCount(Convert.FromHexString(data), out long counted));
        Assert.Equal(count, counted);
    }

    [Theory]
    [InlineData("00")]
    [InlineData("000000")]
    [InlineData("01000000")]
    [InlineData("0200000061")]
    [InlineData("010000006162")]
    [InlineData("0100000061" + "000000")]
    [InlineData("FFFFFFFF")]
    [InlineData("FFFFFFFF61626364")]
    [InlineData("FFFFFF7F61626364")]
    [InlineData("0000008061626364")]
    public void TryCount_LengthsThatLie_IsFalse(string data) => Assert.False(BytesReader.TryCount(Convert.FromHexString(data), out _));

    [Fact]
    public void Enumerate_StringsOfAnyUnicode_GivesThemInOrder()
    {
        string[] texts = ["", "plain", "Grüße", "語彙", "🙂 with ZWJ 👩‍🚀", "\0\n\t", new string('x', 70_000)];
        using Tensor tensor = Tensor.FromStrings([texts.Length], texts);
        Assert.True(BytesReader.TryCount(tensor.Data, out long count));
        Assert.Equal(texts.Length, count);
        Assert.Equal(texts, tensor.ToStrings());
    }

    [Fact]
    public void MoveNext_AtTheEnd_StaysFalse()
    {
        using Tensor tensor = Tensor.FromStrings([1], ["a"]);
        BytesReader reader = tensor.ReadBytes();
        Assert.True(reader.MoveNext());
        Assert.Equal("a"u8.ToArray(), reader.Current.ToArray());
        Assert.False(reader.MoveNext());
        Assert.False(reader.MoveNext());
    }

    [Fact]
    public void GetEnumerator_Twice_StartsAtTheBeginning()
    {
        using Tensor tensor = Tensor.FromStrings([2], ["a", "b"]);
        BytesReader reader = tensor.ReadBytes();
        Assert.Equal(Collect(reader), Collect(reader));
    }

    private static List<string> Collect(BytesReader reader)
    {
        var elements = new List<string>();
        foreach (ReadOnlySpan<byte> element in reader)
        {
            elements.Add(Convert.ToHexString(element));
        }

        return elements;
    }
}
