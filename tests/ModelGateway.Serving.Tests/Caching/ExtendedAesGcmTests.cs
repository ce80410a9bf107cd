using System.Text;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Against the vectors of C2SP's specification of XAES-256-GCM; the two keys lead to both cases of the subkey.</summary>
public class ExtendedAesGcmTests
{
    private static readonly byte[] Nonce = "ABCDEFGHIJKLMNOPQRSTUVWX"u8.ToArray();

    [Theory]
    [InlineData(1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")]
    [InlineData(3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")]
    public void Encrypt_VectorOfTheSpecification_IsTheSame(byte key, string associatedData, string expected)
    {
        using var cipher = new ExtendedAesGcm(Enumerable.Repeat(key, 32).ToArray());
        byte[] encrypted = new byte[12];
        byte[] tag = new byte[16];
        cipher.Encrypt(Nonce, "XAES-256-GCM"u8, encrypted, tag, Encoding.ASCII.GetBytes(associatedData));
        Assert.Equal(expected, Convert.ToHexStringLower([.. encrypted, .. tag]));

        byte[] plain = new byte[12];
        Assert.True(cipher.TryDecrypt(Nonce, encrypted, tag, plain, Encoding.ASCII.GetBytes(associatedData)));
        Assert.Equal("XAES-256-GCM"u8.ToArray(), plain);
    }

    [Fact]
    public async Task Encrypt_OnManyThreads_OpensOnOthers()
    {
        using var cipher = new ExtendedAesGcm(Enumerable.Repeat((byte)7, 32).ToArray());
        await Parallel.ForAsync(0, 2000, async (i, _) =>
        {
            byte[] nonce = [.. Nonce];
            BitConverter.TryWriteBytes(nonce, i);
            byte[] encrypted = new byte[4];
            byte[] tag = new byte[16];
            cipher.Encrypt(nonce, BitConverter.GetBytes(i), encrypted, tag, []);
            await Task.Yield();
            byte[] plain = new byte[4];
            Assert.True(cipher.TryDecrypt(nonce, encrypted, tag, plain, []));
            Assert.Equal(i, BitConverter.ToInt32(plain));
        });
    }
}
