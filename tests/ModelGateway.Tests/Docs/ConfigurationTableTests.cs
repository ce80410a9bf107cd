using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>The configuration table of the README is what the options say; set UPDATE_DOCS=1 to write it anew.</summary>
public sealed class ConfigurationTableTests
{
    private const string Start = "<!-- configuration: made from the options, see ConfigurationTableTests -->";
    private const string End = "<!-- /configuration -->";

    [Fact]
    public void Readme_ConfigurationTable_IsWhatTheOptionsSay()
    {
        string file = Path.Combine(RepositoryRoot.Path, "README.md");
        string readme = File.ReadAllText(file);
        int from = readme.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        int to = readme.IndexOf(End, StringComparison.Ordinal);
        string table = "\n" + Table() + "\n";
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
        {
            File.WriteAllText(file, readme[..from] + table + readme[to..]);
            return;
        }

        Assert.Equal(table, readme[from..to]);
    }

    private static string Table()
    {
        var table = new StringBuilder("| key | default | meaning |\n| --- | --- | --- |\n");
        Append(table, "Gateway", typeof(GatewayOptions), new GatewayOptions());
        foreach (IPredictionStoreProvider store in Backends.PredictionStores)
        {
            Append(table, $"Gateway:Cache:{store.SettingsName}", store.SettingsType, Activator.CreateInstance(store.SettingsType));
        }

        List<IObjectStoreProvider> configured = [.. Backends.ObjectStores.Where(store => store is { SettingsName: not null, SettingsType: not null }).DistinctBy(store => store.SettingsName)];
        foreach (IObjectStoreProvider store in configured)
        {
            Append(table, $"Gateway:{store.SettingsName}", store.SettingsType!, Activator.CreateInstance(store.SettingsType!));
        }

        if (configured.Count > 0)
        {
            table.Append(CultureInfo.InvariantCulture, $"\nWhat stands under {string.Join(", ", configured.Select(store => $"`Gateway:{store.SettingsName}`"))} holds for all repositories of the kind. ")
                .Append(CultureInfo.InvariantCulture, $"Each key also goes under one repository of the list, for it alone: `Gateway:Repositories:0:{configured[0].SettingsName}`.\n");
        }

        return table.ToString().TrimEnd('\n');
    }

    private static void Append(StringBuilder table, string prefix, Type type, object? instance)
    {
        foreach (PropertyInfo property in type.GetProperties().Where(property => property.CanWrite))
        {
            string key = $"{prefix}:{property.Name}";
            object? value = instance is null ? null : property.GetValue(instance);
            if (property.GetCustomAttribute<DescriptionAttribute>() is { } description)
            {
                table.Append(CultureInfo.InvariantCulture, $"| `{key}` | {Format(property, value)} | {description.Description} |\n");
            }
            else if (ElementType(property.PropertyType) is { } element)
            {
                Append(table, $"{key}:0", element, Activator.CreateInstance(element));
            }
            else
            {
                Assert.True(property.PropertyType.Assembly == type.Assembly && !property.PropertyType.IsEnum, $"{key} has no description.");
                Append(table, key, property.PropertyType, value);
            }
        }
    }

    private static Type? ElementType(Type type) =>
        type.IsGenericType && type != typeof(string) && typeof(System.Collections.IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[0] : null;

    // A default that depends on the machine, or is worked out elsewhere, is told by the description.
    private static string Format(PropertyInfo property, object? value) =>
        property.Name == nameof(GatewayOptions.LoadParallelism) ? ""
        : value switch
        {
            null or "" => "",
            bool flag => flag ? "`true`" : "`false`",
            System.Collections.IEnumerable list and not string => string.Join(", ", list.Cast<object>().Select(item => $"`{item}`")),
            IFormattable formattable => $"`{formattable.ToString(null, CultureInfo.InvariantCulture)}`",
            _ => $"`{value}`",
        };
}
