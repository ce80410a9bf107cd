using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests;

/// <summary>The settings that the gateway has: the README's table, which a test holds against the options.</summary>
internal static partial class GatewaySettings
{
    private static readonly Dictionary<string, string> Keys = Read();

    /// <summary>Fails unless an environment variable that begins with <c>Gateway__</c> names a setting, in the spelling of the table.</summary>
    /// <param name="variable">The variable's name.</param>
    /// <param name="where">Who sets it, for the message.</param>
    public static void AssertExists(string variable, string where)
    {
        string key = Normalize(variable.Replace("__", ":", StringComparison.Ordinal));
        Assert.True(Keys.TryGetValue(key, out string? known), $"{where}: {variable} is no setting of the gateway.");
        Assert.True(known == key, $"{where}: {variable} is spelled {known} elsewhere.");
    }

    // Elements of a list stand in the table as element 0; lists of plain values without a number.
    private static string Normalize(string key)
    {
        string numbered = Number().Replace(key, ":0");
        return numbered.EndsWith(":0", StringComparison.Ordinal) ? numbered[..^2] : numbered;
    }

    private static Dictionary<string, string> Read()
    {
        string[] lines = CheckedInFile.Read("README.md").Split('\n');
        var keys = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string key in lines.Select(line => Row().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value))
        {
            keys[key] = key;
            // What stands under a store holds for one repository of the list, too.
            if (key.Split(':') is [_, "S3" or "Gcs" or "AzureBlob" or "Http" or "MLflow", .. string[] rest] parts)
            {
                string own = $"Gateway:Repositories:0:{parts[1]}:{string.Join(':', rest)}";
                keys[own] = own;
            }
        }

        return keys;
    }

    [GeneratedRegex(@":\d+(?=:|$)")]
    private static partial Regex Number();

    [GeneratedRegex(@"^\| `(Gateway:[A-Za-z0-9:]+)` \|")]
    private static partial Regex Row();
}
