using System.Diagnostics;
using System.Text.RegularExpressions;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>What the real process says and does at start.</summary>
public sealed partial class StartTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly RepositoryFolder _repository = new();

    public StartTests() => _repository.AddVersion("add-one", 1, TestModels.AddConstant(1));

    public void Dispose() => _repository.Dispose();

    [Fact]
    public async Task Production_NothingConfigured_RefusesAndSaysWhatToSet()
    {
        await using GatewayProcess gateway = Start("Production");

        Assert.Equal(1, await gateway.WaitForExitAsync(Patience));
        Assert.Contains("Gateway__Auth__Authority=", gateway.Output);
        Assert.Contains("Gateway__Auth__Enabled=false", gateway.Output);
        Assert.DoesNotContain("   at ", gateway.Output);
    }

    [Fact]
    public async Task Production_SeveralFaults_AllTold()
    {
        await using GatewayProcess gateway = Start("Production", ("Gateway__Auth__Keys__0__Secret", "c2hvcnQ="), ("Gateway__Limits__QueueLength", "-1"));

        Assert.Equal(1, await gateway.WaitForExitAsync(Patience));
        Assert.Contains("has 3 faults", gateway.Output);
        Assert.Contains("Gateway:Auth:Issuer is not set", gateway.Output);
        Assert.Contains("Gateway:Auth:Keys:0:Secret holds 5 bytes", gateway.Output);
        Assert.Contains("QueueLength", gateway.Output);
        Assert.DoesNotContain("c2hvcnQ", gateway.Output);
    }

    [Fact]
    public async Task Development_PrintedTokenAndCall_Work()
    {
        await using GatewayProcess gateway = Start("Development");
        await gateway.WaitUntilReadyAsync();
        string call = await PrintedAsync(gateway, Call());
        string token = await PrintedAsync(gateway, Token());

        Assert.Equal(200, (await GuardedHost.GetAsync(gateway.Client, "/v2/logging", token)).Status);
        Assert.Equal(401, (await GuardedHost.GetAsync(gateway.Client, "/v2/logging", null)).Status);

        // As a developer does: paste it into a shell.
        Assert.Contains("\"model\":\"add-one\"", await PasteAsync(call));
    }

    [Fact]
    public async Task Production_Configured_PrintsNoToken()
    {
        await using GatewayProcess gateway = Start(
            "Production", ("Gateway__Auth__Issuer", "https://issuer.test"), ("Gateway__Auth__Keys__0__Secret", Convert.ToBase64String(new byte[32])));
        await gateway.WaitUntilReadyAsync();
        Answer answer = await GuardedHost.GetAsync(gateway.Client, "/v2/logging", new TestToken().Sign(new byte[32]));
        gateway.Terminate();
        await gateway.WaitForExitAsync(Patience);

        Assert.Equal(200, answer.Status);
        Assert.DoesNotMatch(Token(), gateway.Output);
        Assert.DoesNotContain(Convert.ToBase64String(new byte[32]), gateway.Output);
    }

    [Fact]
    public async Task Production_SwitchedOff_Warns()
    {
        await using GatewayProcess gateway = Start("Production", ("Gateway__Auth__Enabled", "false"));
        await gateway.WaitUntilReadyAsync();
        gateway.Terminate();
        await gateway.WaitForExitAsync(Patience);

        Assert.Contains("Authentication is switched off", gateway.Output);
    }

    private GatewayProcess Start(string environment, params (string Name, string Value)[] settings)
    {
        var variables = new Dictionary<string, string?> { ["ASPNETCORE_ENVIRONMENT"] = environment, ["Gateway__Repository"] = _repository.Root };
        foreach ((string name, string value) in settings)
        {
            variables[name] = value;
        }

        return GatewayProcess.Start(variables);
    }

    private static async Task<string> PrintedAsync(GatewayProcess gateway, Regex line)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!line.IsMatch(gateway.Output))
        {
            await Task.Delay(50, patience.Token);
        }

        return line.Match(gateway.Output).Value.Trim();
    }

    private static async Task<string> PasteAsync(string line)
    {
        using System.Diagnostics.Process shell = System.Diagnostics.Process.Start(new ProcessStartInfo("sh", ["-c", line]) { RedirectStandardOutput = true })!;
        string output = await shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        return output;
    }

    [GeneratedRegex(@"^eyJ[\w-]+\.[\w-]+\.[\w-]+\s*$", RegexOptions.Multiline)]
    private static partial Regex Token();

    [GeneratedRegex(@"^curl http://.*$", RegexOptions.Multiline)]
    private static partial Regex Call();
}
