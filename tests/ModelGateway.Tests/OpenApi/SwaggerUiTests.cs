using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Auth;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using OpenQA.Selenium;
using Xunit;

namespace ModelGateway.Tests.OpenApi;

/// <summary>Swagger UI as a developer uses it, in a real browser.</summary>
public sealed class SwaggerUiTests
{
    private const string Operation = "#operations-Models-predict-iris ";

    [Fact]
    public async Task Development_AuthorizeTryItOutExecute_Answers200()
    {
        await using GatewayHost host = await StartAsync("Development");
        string token = ((DevelopmentKeySource)host.Services.GetRequiredService<KeySource>()).CreateToken(DateTimeOffset.UtcNow);

        Use(host, nameof(Development_AuthorizeTryItOutExecute_Answers200), browser =>
        {
            browser.Click("button.authorize.btn");
            browser.Find(".auth-container input").SendKeys(token);
            browser.Click(".auth-container button.authorize");
            browser.Click(".auth-container button.btn-done");
            Assert.Equal("200", Execute(browser));
            Assert.Contains("\"outputs\"", browser.Find(Operation + ".live-responses-table .response .response-col_description").Text);
        });
    }

    [Fact]
    public async Task Development_ExecuteWithoutToken_Answers401()
    {
        await using GatewayHost host = await StartAsync("Development");
        Use(host, nameof(Development_ExecuteWithoutToken_Answers401), browser => Assert.Equal("401", Execute(browser)));
    }

    [Fact]
    public async Task Production_TokenAtOpening_ShowsModelsAndAnswers200()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using GatewayHost host = await StartAsync(
            "Production",
            ("Gateway:Swagger:Enabled", "true"),
            ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
            ("Gateway:Auth:Keys:0:Pem", key.ExportSubjectPublicKeyInfoPem()));

        Use(host, nameof(Production_TokenAtOpening_ShowsModelsAndAnswers200), browser =>
        {
            browser.AnswerDialog(new TestToken().Sign(key));
            Assert.Equal("200", Execute(browser));
        });
    }

    private static string Execute(Browser browser)
    {
        browser.Click(Operation + ".opblock-summary-control");
        browser.Click(Operation + ".try-out__btn");
        browser.Click(Operation + ".execute");
        return browser.Find(Operation + ".live-responses-table .response .response-col_status").Text.Split('\n', '\r')[0].Trim();
    }

    private static void Use(GatewayHost host, string test, Action<Browser> steps)
    {
        using var browser = new Browser();
        try
        {
            browser.Open(new Uri(host.Address, "/swagger"));
            steps(browser);
            Assert.Empty(browser.PolicyViolations());
        }
        catch (Exception exception) when (exception is WebDriverException or Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"{exception.Message} The page: {browser.SaveScreenshot(test)}", exception);
        }
    }

    private static Task<GatewayHost> StartAsync(string environment, params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        repository => repository.AddVersion("iris", 1, TestModels.AddConstant(1)),
        [("environment", environment), ("Gateway:Auth:Enabled", "true"), .. settings]);
}
