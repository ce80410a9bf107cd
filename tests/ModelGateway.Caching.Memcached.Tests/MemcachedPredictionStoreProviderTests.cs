using System.ComponentModel;
using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace ModelGateway.Caching.Memcached.Tests;

public sealed class MemcachedPredictionStoreProviderTests
{
    private readonly MemcachedPredictionStoreProvider _provider = new();

    [Fact]
    public void Provider_Always_NamesItsSettings()
    {
        Assert.Equal(("Memcached", typeof(MemcachedCacheOptions)), (_provider.SettingsName, _provider.SettingsType));
        Assert.All(typeof(MemcachedCacheOptions).GetProperties(), property => Assert.NotEmpty(property.GetCustomAttribute<DescriptionAttribute>()!.Description));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(false, "Servers= ")]
    [InlineData(false, "KeyPrefix=a")]
    [InlineData(true, "Servers=localhost")]
    public void IsConfigured_Settings_AsksForServers(bool expected, params string[] settings)
    {
        Assert.Equal(expected, _provider.IsConfigured(StoreSettings.Of(settings)));
    }

    [Theory]
    [InlineData("Servers=localhost")]
    [InlineData("Servers=cache-1.example.com:11211, cache-2.example.com ,10.0.0.1:1,[::1],[fe80::1]:65535")]
    [InlineData("Servers=a", "KeyPrefix=p", "MaxValueBytes=1", "Connections=64", "Username=u", "Password=secret", "Tls=true")]
    [InlineData("Servers=a", "Username=u", "PasswordFile=/dev/null", "Password=", "CertificateAuthorityFile=")]
    public void FindFaults_RightSettings_AreNone(params string[] settings)
    {
        Assert.Empty(_provider.FindFaults(StoreSettings.Of(settings)));
    }

    [Theory]
    [InlineData("Memcached:Servers is missing")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=a:0")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=a:65536")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=a:+1")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=::1")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=[::1")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=[a]:1")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=memcached://a")]
    [InlineData("Memcached:Servers: entry 1 ", "Servers=user:geheim@a:11211")]
    [InlineData("Memcached:Servers: entry 2 ", "Servers=a,,b")]
    [InlineData("Memcached:Servers: entry 2 is there twice", "Servers=a,A:11211")]
    [InlineData("Memcached:KeyPrefix", "Servers=a", "KeyPrefix=a b")]
    [InlineData("Memcached:KeyPrefix", "Servers=a", "KeyPrefix=ä")]
    [InlineData("Memcached:KeyPrefix", "Servers=a", "KeyPrefix=0123456789012345678901234567890123456789012345678901234567890123456789")]
    [InlineData("Memcached:MaxValueBytes", "Servers=a", "MaxValueBytes=0")]
    [InlineData("Memcached:Connections", "Servers=a", "Connections=0")]
    [InlineData("Memcached:Username is set without", "Servers=a", "Username=u")]
    [InlineData("Memcached:Username is missing", "Servers=a", "Password=geheim")]
    [InlineData("PasswordFile are both set", "Servers=a", "Username=u", "Password=geheim", "PasswordFile=/dev/null")]
    [InlineData("Memcached:PasswordFile: there is no file", "Servers=a", "Username=u", "PasswordFile=/no/such/file")]
    [InlineData("Memcached:Password", "Servers=a", "Username=u", "Password=geheim geheim")]
    [InlineData("Memcached:CertificateAuthorityFile: '/no/such/file'", "Servers=a", "Tls=true", "CertificateAuthorityFile=/no/such/file")]
    public void FindFaults_Settings_NamesTheKey(string expected, params string[] settings)
    {
        string fault = Assert.Single(_provider.FindFaults(StoreSettings.Of(settings)));

        Assert.StartsWith("Gateway:Cache:Memcached:", fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_SeveralFaults_AreAllTold()
    {
        string[] settings = ["Servers=a:0,b:x", "KeyPrefix= a", "Connections=100", "Password=geheim", "CertificateAuthorityFile=/no/such/file"];

        Assert.Equal(7, _provider.FindFaults(StoreSettings.Of(settings)).Count);
    }

    [Fact]
    public void FindFaults_ValueOfAWrongType_NamesTheKey()
    {
        Assert.Contains(
            _provider.FindFaults(StoreSettings.Of("Servers=a", "Connections=many")),
            fault => fault.Contains("Gateway:Cache:Memcached:Connections", StringComparison.Ordinal));
    }

    [Fact]
    public void Open_Faults_Throws()
    {
        Assert.Throws<ArgumentException>(() => _provider.Open(StoreSettings.Of("Servers=a:0"), NullLoggerFactory.Instance));
    }
}
