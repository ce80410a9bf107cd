using System.Net.Http.Headers;
using System.Text;

namespace ModelGateway.Storage.Http;

/// <summary>The Authorization header that the settings make; files are read each time, because secrets that are mounted get renewed.</summary>
internal sealed class HttpCredentials(HttpStoreOptions options)
{
    private const string Prefix = "Gateway:" + HttpStoreOptions.Section + ":";

    /// <summary>Whether there are any.</summary>
    public bool AreSet => options is not { BearerToken: null, BearerTokenFile: null, Username: null, Password: null, PasswordFile: null };

    /// <summary>The header for the next request; null without credentials.</summary>
    /// <exception cref="IOException">A file cannot be read, or holds what no header can; the message names the setting, never the secret.</exception>
    public AuthenticationHeaderValue? CreateHeader()
    {
        if (options.BearerToken is not null || options.BearerTokenFile is not null)
        {
            string token = options.BearerToken ?? Read(options.BearerTokenFile!, nameof(options.BearerTokenFile));
            return token.Length > 0 && token.All(character => character is > ' ' and <= '~')
                ? new AuthenticationHeaderValue("Bearer", token)
                : throw new IOException($"{Prefix}{(options.BearerToken is null ? nameof(options.BearerTokenFile) : nameof(options.BearerToken))} does not hold a token: it is empty, or has a space, a line break or a letter beyond ASCII in it.");
        }

        if (options.Username is null)
        {
            return null;
        }

        string password = options.Password ?? Read(options.PasswordFile!, nameof(options.PasswordFile));
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{password}")));
    }

    /// <summary>All that is wrong with them, each a sentence that names the key.</summary>
    public IEnumerable<string> FindFaults()
    {
        if (options is { BearerToken: not null, BearerTokenFile: not null })
        {
            yield return $"{Prefix}BearerToken and {Prefix}BearerTokenFile are both set; keep one.";
        }

        if (options is { Password: not null, PasswordFile: not null })
        {
            yield return $"{Prefix}Password and {Prefix}PasswordFile are both set; keep one.";
        }

        bool isBasic = options is not { Username: null, Password: null, PasswordFile: null };
        if (isBasic && (options.Username is null || options is { Password: null, PasswordFile: null }))
        {
            yield return options.Username is null
                ? $"{Prefix}Username is not set, but a password is; set both or none."
                : $"{Prefix}Username is set, but neither {Prefix}Password nor {Prefix}PasswordFile.";
        }
        else if (isBasic && options is not { BearerToken: null, BearerTokenFile: null })
        {
            yield return $"{Prefix}Username and a bearer token are both set; a request carries only one of them.";
        }
        else if (options.Username?.Contains(':') == true)
        {
            yield return $"{Prefix}Username has a colon in it, which basic authentication does not allow.";
        }
        else if (FindUnusable() is { } fault)
        {
            yield return fault;
        }
    }

    private string? FindUnusable()
    {
        try
        {
            CreateHeader();
            return null;
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
    }

    // A line break at the end is the editor's.
    private static string Read(string path, string key)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{Prefix}{key} cannot be read: {exception.Message}", exception);
        }
    }
}
