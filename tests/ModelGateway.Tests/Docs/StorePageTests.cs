using System.Text.RegularExpressions;
using ModelGateway.Caching;
using ModelGateway.Repositories;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>Each store has its page, and pages name settings that there are.</summary>
public sealed partial class StorePageTests
{
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "docs", "storage");

    public static TheoryData<string> Schemes => [.. Backends.ObjectStores.SelectMany(store => store.Schemes)];

    public static TheoryData<string> Pages =>
        [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(page => Path.GetRelativePath(RepositoryRoot.Path, page))
            .Where(page => Path.GetFileName(page) != "CHANGELOG.md")
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Readme_EveryScheme_HasARowThatLinksToItsPage(string scheme)
    {
        // The web server's page serves http and https; only the safer one is shown.
        string shown = scheme switch { "http" => "https", "mlflow+http" => "mlflow+https", _ => scheme };
        string row = Assert.Single(
            File.ReadLines(Path.Combine(RepositoryRoot.Path, "README.md")),
            line => line.StartsWith("| `", StringComparison.Ordinal) && line.Split('|')[1].Contains($"`{shown}://", StringComparison.Ordinal));

        Match page = PageLink().Match(row);
        Assert.True(page.Success, $"The row of {shown}:// links to no page: {row}");
        Assert.Contains($"{shown}://", File.ReadAllText(Path.Combine(Folder, page.Groups[1].Value)), StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_EveryPageOfTheFolder_IsLinked()
    {
        string readme = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "README.md"));

        Assert.All(Directory.EnumerateFiles(Folder, "*.md"), page => Assert.Contains($"](docs/storage/{Path.GetFileName(page)})", readme, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_NamesOnlySettingsThatExist(string page)
    {
        IEnumerable<string> unknown = Setting().Matches(File.ReadAllText(Path.Combine(RepositoryRoot.Path, page)))
            .Select(match => match.Value.Replace("__", ":", StringComparison.Ordinal))
            .Distinct()
            .Where(key => !Exists(key));

        Assert.Empty(unknown);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_TableOfOneSection_NamesOnlyItsSettings(string page)
    {
        var unknown = new List<string>();
        string? section = null;
        foreach (string line in File.ReadLines(Path.Combine(RepositoryRoot.Path, page)))
        {
            section = SectionHeader().Match(line) is { Success: true } header ? header.Groups[1].Value : line.StartsWith('|') ? section : null;
            if (section is not null)
            {
                unknown.AddRange(Backticked().Matches(line.Split('|')[1])
                    .Select(match => match.Groups[1].Value.StartsWith("Gateway:", StringComparison.Ordinal) ? match.Groups[1].Value : $"{section}:{match.Groups[1].Value}")
                    .Where(key => !Exists(key)));
            }
        }

        Assert.Empty(unknown);
    }

    [Theory]
    [InlineData("Repository", true)]
    [InlineData("Repositories:0:NamePrefix", true)]
    [InlineData("Repositories:0:S3:Region", true)]
    [InlineData("S3", true)]
    [InlineData("S3:Region", true)]
    [InlineData("Signatures:Keys", true)]
    [InlineData("Signatures:Keys:0:PemFile", true)]
    [InlineData("Cache:Redis:Configuration", true)]
    [InlineData("Redis:Configuration", false)]
    [InlineData("Cache:Memcached:Nothing", false)]
    [InlineData("S3:region", false)]
    [InlineData("S3:Region:More", false)]
    [InlineData("Repositories:0:S3:Nothing", false)]
    [InlineData("Signatures:Keys:0:S3", false)]
    [InlineData("Nothing", false)]
    public void Page_KeyThatItNames_IsLookedForByItsExactName(string key, bool exists) => Assert.Equal(exists, Exists($"Gateway:{key}"));

    private static bool Exists(string key) => Exists(typeof(GatewayOptions), key.Split(':').AsSpan(1));

    private static bool Exists(Type type, ReadOnlySpan<string> key)
    {
        if (key.IsEmpty)
        {
            return true;
        }

        if (ElementType(type) is { } element)
        {
            return int.TryParse(key[0], out _) && Exists(element, key[1..]);
        }

        // Stores have their sections beside the gateway's own keys, and below each repository of the list.
        string name = key[0];
        return type.GetProperty(name) is { CanWrite: true } property
            ? Exists(property.PropertyType, key[1..])
            : (type == typeof(GatewayOptions) || type == typeof(RepositoryOptions))
                && Backends.ObjectStores.FirstOrDefault(store => store.SettingsName == name)?.SettingsType is { } settings
                && Exists(settings, key[1..])
            || type == typeof(CacheSettings)
                && Backends.PredictionStores.FirstOrDefault(store => store.SettingsName == name)?.SettingsType is { } shared
                && Exists(shared, key[1..]);
    }

    private static Type? ElementType(Type type) =>
        type.IsArray ? type.GetElementType()
        : type.IsGenericType && typeof(System.Collections.IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[0]
        : null;

    // "key, below `Gateway:Http`": the rows name the keys without the section.
    [GeneratedRegex(@"^\| key, below `(Gateway:[A-Za-z0-9:]+)`")]
    private static partial Regex SectionHeader();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Backticked();

    [GeneratedRegex(@"\]\(docs/storage/([^)#]+)")]
    private static partial Regex PageLink();

    // As configuration and as environment variables have it.
    [GeneratedRegex(@"\bGateway(:[A-Za-z0-9]+)+|\bGateway(__[A-Za-z0-9]+)+")]
    private static partial Regex Setting();
}
