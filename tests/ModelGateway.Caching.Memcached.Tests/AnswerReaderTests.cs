using System.Text;
using Xunit;

namespace ModelGateway.Caching.Memcached.Tests;

public sealed class AnswerReaderTests
{
    private const string Answers = "HD O1\r\nVA 10 O2 c77\r\n\r\nEN\r\nHD\r\n\r\nEN O3\r\nVA 0 O4\r\n\r\nNS O5\r\nEX O6\r\nNF O7\r\nEN\r\nSERVER_ERROR out of memory\r\nVA 3 O8 W Z\r\nabc\r\n";

    [Fact]
    public async Task ReadLineAsync_InAnyTwoPieces_GivesTheSame()
    {
        string whole = await ReadAllAsync([Answers.Length]);

        Assert.Equal(
            "Done 1|Value 2 c77 [\r\nEN\r\nHD\r\n]|Missing 3|Value 4 []|NotStored 5|Changed 6|NotFound 7|Missing |SERVER_ERROR out of memory|Value 8 [abc]|",
            whole);
        for (int cut = 1; cut < Answers.Length; cut++)
        {
            Assert.Equal(whole, await ReadAllAsync([cut, Answers.Length - cut]));
        }
    }

    [Fact]
    public async Task ReadLineAsync_ByteByByte_GivesTheSame()
    {
        Assert.Equal(await ReadAllAsync([Answers.Length]), await ReadAllAsync(Enumerable.Repeat(1, Answers.Length)));
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("H\r\n")]
    [InlineData("HELLO\r\n")]
    [InlineData("HDO1\r\n")]
    [InlineData("hd O1\r\n")]
    [InlineData("MN\r\n")]
    [InlineData("EN O1\n")]
    [InlineData("EN Ox\r\n")]
    [InlineData("EN O4294967296\r\n")]
    [InlineData("EN O-1\r\n")]
    [InlineData("HD  O1\r\n")]
    [InlineData("HD O1 c\r\n")]
    [InlineData("VA\r\n")]
    [InlineData("VA O1\r\n")]
    [InlineData("VA -1 O1\r\n")]
    [InlineData("VA 1x O1\r\n")]
    [InlineData("VA 1073741825 O1\r\n")]
    [InlineData("VA 99999999999999999999 O1\r\n")]
    [InlineData("ERROR\r\n")]
    [InlineData("CLIENT_ERROR bad data chunk\r\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("+OK\r\n")]
    public async Task ReadLineAsync_Garbage_Throws(string answer)
    {
        await Assert.ThrowsAsync<InvalidDataException>(async () => await Reader(answer).ReadLineAsync());
    }

    [Theory]
    [InlineData(2000, "")]
    [InlineData(2000, "\r\n")]
    [InlineData(200_000, "")]
    public async Task ReadLineAsync_OversizedLine_Throws(int length, string end)
    {
        await Assert.ThrowsAsync<InvalidDataException>(async () => await Reader("SERVER_ERROR " + new string('x', length) + end).ReadLineAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReadValueAsync_LongerThanItSays_Throws(bool keep)
    {
        AnswerReader reader = Reader("VA 2 O1\r\nabc\r\n");
        AnswerLine line = await reader.ReadLineAsync();

        await Assert.ThrowsAsync<InvalidDataException>(async () => await reader.ReadValueAsync(line.Length, keep));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("ab\r")]
    public async Task ReadValueAsync_ConnectionEndsWithin_Throws(string value)
    {
        AnswerReader reader = Reader("VA 2 O1\r\n" + value);
        AnswerLine line = await reader.ReadLineAsync();

        await Assert.ThrowsAsync<EndOfStreamException>(async () => await reader.ReadValueAsync(line.Length, keep: true));
    }

    [Fact]
    public async Task ReadValueAsync_NotKept_IsPassedOver()
    {
        AnswerReader reader = Reader("VA 300000 O1\r\n" + new string('v', 300_000) + "\r\nHD O2\r\n");
        AnswerLine line = await reader.ReadLineAsync();

        Assert.Null(await reader.ReadValueAsync(line.Length, keep: false));
        Assert.Equal(2u, (await reader.ReadLineAsync()).Opaque);
    }

    private static AnswerReader Reader(string answers) => new(new PieceStream(Encoding.ASCII.GetBytes(answers), [int.MaxValue]));

    private static async Task<string> ReadAllAsync(IEnumerable<int> pieces)
    {
        var reader = new AnswerReader(new PieceStream(Encoding.ASCII.GetBytes(Answers), pieces));
        var told = new StringBuilder();
        try
        {
            while (true)
            {
                AnswerLine line = await reader.ReadLineAsync();
                told.Append(line.Error ?? $"{line.Code} {line.Opaque}").Append(line.Cas == 0 ? "" : $" c{line.Cas}");
                if (line.Code == AnswerCodes.Value)
                {
                    using LeasedBytes? value = await reader.ReadValueAsync(line.Length, keep: true);
                    told.Append($" [{Encoding.ASCII.GetString(value!.Memory.Span)}]");
                }

                told.Append('|');
            }
        }
        catch (EndOfStreamException)
        {
            return told.ToString();
        }
    }
}
