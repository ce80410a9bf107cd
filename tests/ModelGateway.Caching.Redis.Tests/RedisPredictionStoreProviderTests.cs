using System.ComponentModel;
using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Caching;
using StackExchange.Redis;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

public sealed class RedisPredictionStoreProviderTests
{
    private readonly RedisPredictionStoreProvider _provider = new();

    [Fact]
    public void Provider_Always_NamesItsSettings()
    {
        Assert.Equal(("Redis", typeof(RedisCacheOptions)), (_provider.SettingsName, _provider.SettingsType));
        Assert.All(
            typeof(RedisCacheOptions).GetProperties(),
            property => Assert.NotEmpty(property.GetCustomAttribute<DescriptionAttribute>()!.Description));
    }

    [Theory]
    [InlineData(true, "Configuration=redis:6379")]
    [InlineData(false, "Configuration=")]
    [InlineData(false, "KeyPrefix=models")]
    public void IsConfigured_Section_FollowsTheConfiguration(bool expected, string setting)
    {
        Assert.Equal(expected, _provider.IsConfigured(RedisSection.Of(setting)));
    }

    [Theory]
    [InlineData("Configuration=redis")]
    [InlineData("Configuration=redis:6379, other:6380 ,ssl=true,defaultDatabase=3")]
    [InlineData("Configuration=redis:6379,password=geheim==,user=app")]
    [InlineData("Configuration=[::1]:6379")]
    [InlineData("Configuration=sentinel1:26379,sentinel2:26379,serviceName=models", "Password=geheim,with commas", "User=app")]
    [InlineData("Configuration=redis:6379", "KeyPrefix=team/models-1", "Tls=true")]
    public void FindFaults_GoodSettings_FindsNone(params string[] settings)
    {
        Assert.Empty(_provider.FindFaults(RedisSection.Of(settings)));
    }

    [Theory]
    [InlineData("Gateway:Cache:Redis:Configuration is missing", "Configuration= ")]
    [InlineData("Gateway:Cache:Redis:Configuration is no URL", "Configuration=redis://user:geheim@redis:6379")]
    [InlineData("Gateway:Cache:Redis:Configuration names no server", "Configuration=password=geheim")]
    [InlineData("a password with a comma", "Configuration=redis:6379,password=ge,heim")]
    [InlineData("a password with a comma", "Configuration=redis:6379,password=ge,heim=geheim")]
    [InlineData("Gateway:Cache:Redis:Configuration: the value of 'connectTimeout'", "Configuration=redis:6379,connectTimeout=geheim")]
    [InlineData("Gateway:Cache:Redis:Configuration: the value of 'ssl'", "Configuration=redis:6379,ssl=geheim")]
    [InlineData("Gateway:Cache:Redis:Configuration holds an option", "Configuration=redis:6379,passwort=geheim")]
    [InlineData("Gateway:Cache:Redis:Configuration holds an option", "Configuration=redis:6379,tunnel=geheim")]
    [InlineData("Gateway:Cache:Redis:Password and Gateway:Cache:Redis:PasswordFile are both set", "Configuration=redis", "Password=geheim", "PasswordFile=/etc/hostname")]
    [InlineData("or Gateway:Cache:Redis:Password.", "Configuration=redis,password=geheim", "Password=geheim")]
    [InlineData("or Gateway:Cache:Redis:PasswordFile.", "Configuration=redis,password=geheim", "PasswordFile=/etc/hostname")]
    [InlineData("Gateway:Cache:Redis:User.", "Configuration=redis,user=app,password=geheim", "User=app")]
    [InlineData("Gateway:Cache:Redis:User is set without", "Configuration=redis", "User=app")]
    [InlineData("Gateway:Cache:Redis:User:", "Configuration=redis", "User=the app", "Password=geheim")]
    [InlineData("Gateway:Cache:Redis:PasswordFile: '/no/such/file' cannot be read", "Configuration=redis", "PasswordFile=/no/such/file")]
    [InlineData("Gateway:Cache:Redis:PasswordFile: '/dev/null' is empty", "Configuration=redis", "PasswordFile=/dev/null")]
    [InlineData("Gateway:Cache:Redis:CaFile: '/no/such/file' cannot be read", "Configuration=redis", "Tls=true", "CaFile=/no/such/file")]
    [InlineData("Gateway:Cache:Redis:CaFile: '/etc/hostname' holds no certificate", "Configuration=redis,ssl=true", "CaFile=/etc/hostname")]
    [InlineData("Gateway:Cache:Redis:KeyPrefix:", "Configuration=redis", "KeyPrefix={one}")]
    [InlineData("Gateway:Cache:Redis:KeyPrefix:", "Configuration=redis", "KeyPrefix=my models")]
    [InlineData("'Tls'", "Configuration=redis", "Tls=perhaps")]
    public void FindFaults_Settings_NamesTheKeyAndNoSecret(string expected, params string[] settings)
    {
        string fault = Assert.Single(_provider.FindFaults(RedisSection.Of(settings)));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("heim", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_SeveralFaults_FindsAll()
    {
        IReadOnlyList<string> faults = _provider.FindFaults(RedisSection.Of("Configuration=ssl=perhaps", "User=app", "CaFile=/no/such/file", "KeyPrefix={}"));

        Assert.Equal(4, faults.Count);
    }

    [Fact]
    public async Task Open_NoServerThere_IsAStoreAllTheSame()
    {
        await using IPredictionStore store = _provider.Open(RedisSection.Of("Configuration=redis.invalid:6379,password=geheim"), NullLoggerFactory.Instance);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        Exception exception = await Assert.ThrowsAnyAsync<RedisException>(() => store.ProbeAsync(deadline.Token).AsTask());

        Assert.DoesNotContain("geheim", exception.ToString(), StringComparison.Ordinal);
    }
}
