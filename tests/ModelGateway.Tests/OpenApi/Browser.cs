using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;

namespace ModelGateway.Tests.OpenApi;

/// <summary>A real headless Chromium, Debian's own, with an empty profile. Nothing is looked up or downloaded to find it.</summary>
internal sealed class Browser : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _profile = Directory.CreateTempSubdirectory("chromium-");
    private readonly ChromeDriverService _service;
    private readonly ChromeDriver _driver;

    public Browser()
    {
        _service = ChromeDriverService.CreateDefaultService("/usr/bin", "chromedriver");
        _service.SuppressInitialDiagnosticInformation = true;
        var options = new ChromeOptions { BinaryLocation = "/usr/bin/chromium", UnhandledPromptBehavior = UnhandledPromptBehavior.Ignore };
        options.SetLoggingPreference(LogType.Browser, LogLevel.All);
        options.AddArguments(
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1600", $"--user-data-dir={_profile.FullName}");
        _driver = new ChromeDriver(_service, options, TimeSpan.FromMinutes(2));
    }

    public void Open(Uri page) => _driver.Navigate().GoToUrl(page);

    /// <summary>The element, once it is there and shown.</summary>
    public IWebElement Find(string selector)
    {
        DateTime end = DateTime.UtcNow + Patience;
        while (true)
        {
            IWebElement? found = _driver.FindElements(By.CssSelector(selector)).FirstOrDefault(IsShown);
            if (found is not null || DateTime.UtcNow > end)
            {
                return found ?? throw new NoSuchElementException($"'{selector}' does not appear on {_driver.Url}.");
            }

            Thread.Sleep(50);
        }
    }

    /// <summary>Clicks, from within the page: nothing that lies over the element can catch it.</summary>
    public void Click(string selector) => _driver.ExecuteScript("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click();", Find(selector));

    /// <summary>Answers the question that the page asks in a dialog.</summary>
    public void AnswerDialog(string text)
    {
        DateTime end = DateTime.UtcNow + Patience;
        while (true)
        {
            try
            {
                IAlert dialog = _driver.SwitchTo().Alert();
                dialog.SendKeys(text);
                dialog.Accept();
                return;
            }
            catch (NoAlertPresentException) when (DateTime.UtcNow < end)
            {
                Thread.Sleep(50);
            }
        }
    }

    /// <summary>What the page tried and its Content-Security-Policy did not let it do.</summary>
    public IReadOnlyList<string> PolicyViolations() =>
        [.. _driver.Manage().Logs.GetLog(LogType.Browser).Select(entry => entry.Message).Where(message => message.Contains("Content Security Policy", StringComparison.OrdinalIgnoreCase))];

    /// <summary>Saves what the page looks like, for the reader of a failed test.</summary>
    public string SaveScreenshot(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "TestResults")).FullName;
        string file = Path.Combine(folder, $"{name}.png");
        _driver.GetScreenshot().SaveAsFile(file);
        return file;
    }

    public void Dispose()
    {
        _driver.Dispose();
        _service.Dispose();
        _profile.Delete(recursive: true);
    }

    private static bool IsShown(IWebElement element)
    {
        try
        {
            return element.Displayed;
        }
        catch (StaleElementReferenceException)
        {
            // The page drew it anew meanwhile.
            return false;
        }
    }
}
