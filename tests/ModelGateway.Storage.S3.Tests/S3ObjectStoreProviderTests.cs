using System.ComponentModel;
using System.Reflection;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.S3.Tests;

public sealed class S3ObjectStoreProviderTests
{
    private readonly S3ObjectStoreProvider _provider = new();

    [Fact]
    public void Provider_Always_NamesSchemeAndSettings()
    {
        Assert.Equal(["s3"], _provider.Schemes);
        Assert.Equal(("S3", typeof(S3StorageOptions)), (_provider.SettingsName, _provider.SettingsType));
        Assert.All(typeof(S3StorageOptions).GetProperties(), property => Assert.NotEmpty(property.GetCustomAttribute<DescriptionAttribute>()!.Description));
    }

    [Theory]
    [InlineData("s3://bucket", "s3://bucket")]
    [InlineData("s3://bucket/", "s3://bucket")]
    [InlineData("s3://bucket/models", "s3://bucket/models")]
    [InlineData("s3://my.bucket-1/my models/v2/", "s3://my.bucket-1/my%20models/v2")]
    public void Open_Faultless_ShowsTheLocation(string location, string expected)
    {
        // Neither region nor credentials are set: that is looked for at the first request.
        Assert.Equal(expected, new StoreHarness().Open(_provider, location).Location);
    }

    [Theory]
    [InlineData("s3:///models", "s3://bucket")]
    [InlineData("s3:bucket", "s3://bucket")]
    [InlineData("s3://bucket:9000/models", "Gateway:S3:Endpoint")]
    [InlineData("s3://AKIA:geheim@bucket", "Gateway:S3:AccessKeyId")]
    [InlineData("s3://bucket/models?versionId=geheim", "'?'")]
    [InlineData("s3://bucket/models#geheim", "'#'")]
    [InlineData("s3://MyBucket", "lower-case")]
    [InlineData("s3://my_bucket", "lower-case")]
    [InlineData("s3://ab", "3 to 63")]
    [InlineData("s3://192.168.1.1", "name of a bucket")]
    [InlineData("s3://bucket/a//b", "empty part")]
    [InlineData("s3://bucket/a%2F..%2Fb", "'..'")]
    [InlineData("s3://bucket/a%00b", "control")]
    public void FindFaults_Location_NamesTheFault(string location, string expected)
    {
        string fault = Assert.Single(_provider.FindFaults(new Uri(location), new StoreHarness().Settings));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Gateway:S3:AccessKeyId is set without", "AccessKeyId=A")]
    [InlineData("Gateway:S3:AccessKeyId is missing", "SecretAccessKey=geheim")]
    [InlineData("Gateway:S3:AccessKeyId is missing", "SessionToken=geheim")]
    [InlineData("SecretAccessKeyFile are both set", "AccessKeyId=A", "SecretAccessKey=geheim", "SecretAccessKeyFile=/dev/null")]
    [InlineData("Gateway:S3:SecretAccessKeyFile: there is no file", "AccessKeyId=A", "SecretAccessKeyFile=/no/such/file")]
    [InlineData("exclude each other", "Anonymous=true", "AccessKeyId=A", "SecretAccessKey=geheim")]
    [InlineData("exclude each other", "Anonymous=true", "Profile=dev")]
    [InlineData("Gateway:S3:Endpoint must be a URL", "Endpoint=minio:9000")]
    [InlineData("Gateway:S3:Endpoint must be a URL", "Endpoint=ftp://minio")]
    [InlineData("Gateway:S3:Endpoint must be a URL", "Endpoint=https://user:geheim@minio")]
    [InlineData("Gateway:S3:UseFips", "Endpoint=https://minio", "UseFips=true")]
    [InlineData("Gateway:S3:UseDualstack", "Endpoint=https://minio", "UseDualstack=true")]
    [InlineData("Gateway:S3:Region", "Region=Frankfurt am Main")]
    [InlineData("Anonymous", "Anonymous=perhaps")]
    public void FindFaults_Settings_NamesTheKey(string expected, params string[] settings)
    {
        string fault = Assert.Single(_provider.FindFaults(new Uri("s3://bucket"), Harness(settings).Settings));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("Region=eu-west-1")]
    [InlineData("Profile=dev")]
    [InlineData("Anonymous=true")]
    [InlineData("Endpoint=", "AccessKeyId=", "Region=", "Profile=")]
    [InlineData("Endpoint=http://127.0.0.1:9000/", "AccessKeyId=A", "SecretAccessKey=B", "SessionToken=C")]
    public void FindFaults_RightSettings_AreNone(params string[] settings)
    {
        Assert.Empty(_provider.FindFaults(new Uri("s3://bucket/models"), Harness(settings).Settings));
    }

    [Fact]
    public void FindFaults_SeveralFaults_AreAllTold()
    {
        Assert.Equal(3, _provider.FindFaults(new Uri("s3://b?x"), Harness("Endpoint=minio", "AccessKeyId=A", "SecretAccessKey=B").Settings).Count);
    }

    private static StoreHarness Harness(params string[] settings) =>
        new([.. settings.Select(setting => (setting[..setting.IndexOf('=', StringComparison.Ordinal)], (string?)setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]))]);
}
