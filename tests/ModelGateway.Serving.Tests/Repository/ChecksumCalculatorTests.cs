using System.Text;
using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class ChecksumCalculatorTests
{
    // The published check values: the digest or remainder of the nine characters "123456789".
    [Theory]
    [InlineData(ChecksumAlgorithm.Md5, "25f9e794323b453885f5181f1b624d0b")]
    [InlineData(ChecksumAlgorithm.Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441")]
    [InlineData(ChecksumAlgorithm.Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225")]
    [InlineData(ChecksumAlgorithm.Crc32, "cbf43926")]
    [InlineData(ChecksumAlgorithm.Crc32C, "e3069283")]
    [InlineData(ChecksumAlgorithm.Crc64Nvme, "ae8b14860a799888")]
    public void GetChecksumAndReset_CheckText_IsThePublishedValue(ChecksumAlgorithm algorithm, string expected)
    {
        using var calculator = new ChecksumCalculator(algorithm);
        for (int i = 0; i < 2; i++)
        {
            calculator.Append("1234"u8);
            calculator.Append(Encoding.ASCII.GetBytes("56789"));
            Assert.Equal(new ObjectChecksum(algorithm, expected), calculator.GetChecksumAndReset());
        }
    }

    [Theory]
    [InlineData("4waSgw==", "e3069283")]
    [InlineData("4waSgwA=", null)]
    [InlineData("not base64", null)]
    [InlineData(null, null)]
    public void FromBase64_TextOfAHeader_IsReadOrRefused(string? text, string? expected)
    {
        Assert.Equal(expected, ObjectChecksum.FromBase64(ChecksumAlgorithm.Crc32C, text)?.Hex);
    }
}
