using System.ComponentModel;
using System.Reflection;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

public sealed class MLflowObjectStoreProviderTests
{
    [Fact]
    public void SettingsType_EveryProperty_IsDescribed()
    {
        var provider = new MLflowObjectStoreProvider();
        Assert.Equal("MLflow", provider.SettingsName);
        Assert.Equal(["mlflow+https", "mlflow+http"], provider.Schemes);
        Assert.All(provider.SettingsType!.GetProperties(), property => Assert.NotEmpty(property.GetCustomAttribute<DescriptionAttribute>()!.Description));
    }

    [Theory]
    [InlineData("mlflow+https://server", "")]
    [InlineData("mlflow+https://server:5000/base/?alias=champion&models=a,b*", "")]
    [InlineData("mlflow+https://server", "Token=t")]
    [InlineData("mlflow+https://server", "Username=a Password=b")]
    [InlineData("mlflow+http://127.0.0.1:5000", "Token=t")]
    [InlineData("mlflow+http://server", "Token=t AllowInsecure=true")]
    [InlineData("mlflow+http://server", "")]
    [InlineData("mlflow+https://server", "ArtifactRoots=s3://b/p,file:///mnt")]
    public void FindFaults_GoodSettings_AreNone(string location, string settings) => Assert.Empty(FindFaults(location, settings));

    [Theory]
    [InlineData("mlflow+https://user:s3cret@server", "", "The URI holds credentials; set them as Gateway:MLflow:Username and Gateway:MLflow:PasswordFile, or as Gateway:MLflow:TokenFile.")]
    [InlineData("mlflow+https://server?alais=champion", "", "The URI has a key 'alais' that is not known. Did you mean 'alias'? Known are alias, stage, versions, models.")]
    [InlineData("mlflow+https://server?alias=", "", "The URI must give 'alias' a value, once.")]
    [InlineData("mlflow+https://server?alias=a&stage=b", "", "Of alias, stage and versions only one can be set.")]
    [InlineData("mlflow+https://server", "Alias=a Stage=b", "Of alias, stage and versions only one can be set.")]
    [InlineData("mlflow+https://server?versions=3", "", "versions is '3', but it can only be 'latest'; a certain version is selected as models=NAME/VERSION.")]
    [InlineData("mlflow+https://server?models=iris@", "", "'iris@' of models must be NAME, NAME@ALIAS, NAME/STAGE or NAME/VERSION.")]
    [InlineData("mlflow+https://server#x", "", "The URI has a part behind '#', which means nothing here.")]
    [InlineData("mlflow+http://server", "Token=t", "Credentials would go over plain http; use mlflow+https, or set Gateway:MLflow:AllowInsecure to true.")]
    [InlineData("mlflow+https://server", "Token=t TokenFile=/dev/null", "Gateway:MLflow:Token and Gateway:MLflow:TokenFile are both set; set one.")]
    [InlineData("mlflow+https://server", "Token=t Username=a Password=b", "Gateway:MLflow has a token and a user name or password; set either.")]
    [InlineData("mlflow+https://server", "Username=a", "Gateway:MLflow:Password is missing: basic authentication takes both a user name and a password.")]
    [InlineData("mlflow+https://server", "Password=s3cret", "Gateway:MLflow:Username is missing: basic authentication takes both a user name and a password.")]
    [InlineData("mlflow+https://server", "TokenFile=/none", "Gateway:MLflow:TokenFile does not exist: '/none'.")]
    [InlineData("mlflow+https://server", "Username=a:b Password=c", "Gateway:MLflow:Username: A user name cannot hold a colon.")]
    [InlineData("mlflow+https://server", "ArtifactRoots=/mnt", "Gateway:MLflow:ArtifactRoots: '/mnt' is not a URI such as s3://bucket/prefix or file:///mnt/mlruns.")]
    [InlineData("mlflow+https://server", "ArtifactRoots=https://user:s3cret@files.example/x", "Gateway:MLflow:ArtifactRoots names a web server, 'https://files.example': artifacts are not read from there, since it cannot be listed.")]
    [InlineData("mlflow+https://server", "CertificateAuthorityFile=/dev/null", "Gateway:MLflow:CertificateAuthorityFile: '/dev/null' holds no certificate in PEM form.")]
    public void FindFaults_OneFault_IsToldWithoutSecrets(string location, string settings, string fault)
    {
        Assert.Equal([fault], FindFaults(location, settings));
        Assert.DoesNotContain("s3cret", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MLFLOW_TRACKING_TOKEN=t", "", "Bearer t")]
    [InlineData("MLFLOW_TRACKING_USERNAME=a MLFLOW_TRACKING_PASSWORD=b MLFLOW_TRACKING_TOKEN=t", "", "Basic YTpi")]
    [InlineData("MLFLOW_TRACKING_USERNAME=a", "", null)]
    [InlineData("MLFLOW_TRACKING_TOKEN=t", "Username=a Password=b", "Basic YTpi")]
    [InlineData("", "", null)]
    public void CreateHeader_Environment_CountsWhereNothingIsSet(string environment, string settings, string? header)
    {
        var faults = new List<string>();
        MLflowOptions options = StoreSettings.Bind<MLflowOptions>(new StoreHarness(Parse(settings)).Settings, "MLflow", faults);

        var credentials = new MLflowCredentials(options, name => Parse(environment).FirstOrDefault(pair => pair.Key == name).Value);

        Assert.Empty(credentials.FindFaults());
        Assert.Equal((header, header is not null), (credentials.CreateHeader()?.ToString(), credentials.IsAny));
    }

    [Fact]
    public void FindFaults_CredentialsOfTheEnvironmentOverPlainHttp_AreAFault() => Assert.StartsWith(
        "Credentials would go over plain http",
        Assert.Single(new MLflowObjectStoreProvider(name => name == "MLFLOW_TRACKING_TOKEN" ? "t" : null).FindFaults(new Uri("mlflow+http://server"), new StoreHarness().Settings)),
        StringComparison.Ordinal);

    private static IReadOnlyList<string> FindFaults(string location, string settings) =>
        new MLflowObjectStoreProvider(static _ => null).FindFaults(new Uri(location), new StoreHarness(Parse(settings)).Settings);

    private static (string Key, string? Value)[] Parse(string settings) =>
        [.. settings.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(setting => setting.Split('=', 2)).Select(pair => (pair[0], (string?)pair[1]))];
}
