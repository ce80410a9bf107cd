using System.Text;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

public sealed class RedisKeysTests
{
    private static readonly PredictionKey Key = new([.. Enumerable.Range(0, PredictionKey.Size).Select(index => (byte)(index * 9))]);
    private readonly RedisKeys _keys = new("team");

    [Fact]
    public void Names_OfAKey_ShareTheHashTag()
    {
        string tag = Convert.ToBase64String([.. Enumerable.Range(0, PredictionKey.Size).Select(index => (byte)(index * 9))]).TrimEnd('=').Replace('+', '-').Replace('/', '_');

        Assert.Equal($"team:1:{{{tag}}}:v", Encoding.ASCII.GetString(_keys.Value(Key)!));
        Assert.Equal($"team:1:{{{tag}}}:c", Encoding.ASCII.GetString(_keys.Claim(Key)!));
    }

    [Fact]
    public void Names_OfEpochs_StandBelowThePrefix()
    {
        Assert.Equal("team:1:epoch:iris/3", (string?)_keys.Epoch("iris/3"));
        Assert.Equal("team:1:epochs", (string?)_keys.Epochs);
    }
}
