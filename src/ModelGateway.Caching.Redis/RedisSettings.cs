using System.Net.Security;
using ModelGateway.Storage.Http;
using StackExchange.Redis;

namespace ModelGateway.Caching.Redis;

/// <summary>From the options to those of the client, and what is wrong with them; no message holds a piece of a connection string that may be a secret.</summary>
internal static class RedisSettings
{
    // An answer that takes longer has no reader left; a connection without any answer for four times as long is given up by the client.
    private const int LongestAnswer = 1000;

    // Also the patience with an attempt until there is a connection and TLS on it.
    private const int ReconnectAfter = 1000;

    /// <summary>Adds a sentence for each fault.</summary>
    public static void FindFaults(RedisCacheOptions options, List<string> faults)
    {
        ConfigurationOptions? client = Parse(options.Configuration, faults);
        bool inPlace = IsSet(options.Password);
        bool inFile = IsSet(options.PasswordFile);
        bool inString = IsSet(client?.Password);
        AddIf(inPlace && inFile, "Password and {0}:PasswordFile are both set; remove one.");
        AddIf(inString && (inPlace || inFile), $"Configuration holds a password too; remove it there or {RedisCacheOptions.Section}:{(inPlace ? "Password" : "PasswordFile")}.");
        AddIf(IsSet(client?.User) && IsSet(options.User), "Configuration names a user too; remove it there or {0}:User.");
        AddIf(IsSet(options.User) && !(inPlace || inFile || inString), "User is set without a password: set {0}:PasswordFile or {0}:Password.");
        if (inFile && FindFileFault(options.PasswordFile!) is { } fault)
        {
            faults.Add($"{RedisCacheOptions.Section}:PasswordFile: {fault}");
        }

        if (IsSet(options.CaFile))
        {
            AddIf(!options.Tls && client is { Ssl: false }, "CaFile is for encrypted connections: set {0}:Tls to true.");
            if (TrustedAuthorities.FindFault(options.CaFile!) is { } authorities)
            {
                faults.Add($"{RedisCacheOptions.Section}:CaFile: {authorities}");
            }
        }

        void AddIf(bool isFault, string sentence)
        {
            if (isFault)
            {
                faults.Add($"{RedisCacheOptions.Section}:{sentence.Replace("{0}", RedisCacheOptions.Section, StringComparison.Ordinal)}");
            }
        }
    }

    /// <summary>The client's options, from options without faults.</summary>
    /// <exception cref="IOException">A file went away meanwhile.</exception>
    public static ConfigurationOptions Create(RedisCacheOptions options)
    {
        ConfigurationOptions client = Parse(options.Configuration, []) ?? throw new ArgumentException($"{RedisCacheOptions.Section}:Configuration is faulty.", nameof(options));
        client.User = IsSet(options.User) ? options.User : client.User;
        client.Password = IsSet(options.Password) ? options.Password : IsSet(options.PasswordFile) ? ReadSecret(options.PasswordFile!) : client.Password;
        client.Ssl |= options.Tls;
        if (IsSet(options.CaFile))
        {
            client.SslClientAuthenticationOptions = host =>
            {
                // Read for each connection, so that a renewed file is seen. The client takes nothing else of its own settings then.
                SslClientAuthenticationOptions tls = TrustedAuthorities.CreateSslOptions(options.CaFile!);
                tls.TargetHost = host;
                tls.EnabledSslProtocols = client.SslProtocols ?? default;
                return tls;
            };
        }

        // The connection comes when it comes; without one a call fails at once.
        client.AbortOnConnectFail = false;
        client.BacklogPolicy = BacklogPolicy.FailFast;
        client.ConnectRetry = 1;
        client.ReconnectRetryPolicy = new LinearRetry(ReconnectAfter);
        client.AsyncTimeout = Math.Min(client.AsyncTimeout, LongestAnswer);

        // Keys and traffic statistics, gathered for every failure, that nobody reads.
        client.IncludeDetailInExceptions = false;

        // A key and a channel of the client's own, outside the prefix; a user who may touch no others could not connect well.
        client.TieBreaker = "";
        client.ConfigurationChannel = "";
        return client;
    }

    private static ConfigurationOptions? Parse(string? text, List<string> faults)
    {
        if (!IsSet(text))
        {
            faults.Add($"{RedisCacheOptions.Section}:Configuration is missing: it names the server, for example redis:6379.");
            return null;
        }

        if (text!.Contains("://", StringComparison.Ordinal) && !text.Contains('='))
        {
            faults.Add($"{RedisCacheOptions.Section}:Configuration is no URL but addresses and options, for example redis:6379,defaultDatabase=1; a password belongs in {RedisCacheOptions.Section}:PasswordFile.");
            return null;
        }

        // The client would take the second half of a password with a comma for a server's address, and show it in messages.
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (parts.SkipWhile(part => !part.Contains('=')).Any(part => !part.Contains('=')))
        {
            faults.Add($"{RedisCacheOptions.Section}:Configuration has an address or other text behind an option: addresses stand first, and a password with a comma belongs in {RedisCacheOptions.Section}:PasswordFile.");
            return null;
        }

        try
        {
            var client = ConfigurationOptions.Parse(text);
            if (client.EndPoints.Count > 0)
            {
                return client;
            }

            faults.Add($"{RedisCacheOptions.Section}:Configuration names no server; begin with its address, for example redis:6379.");
        }
        catch (ArgumentOutOfRangeException exception)
        {
            // Named after an option that the client knows; the message would hold its value.
            faults.Add($"{RedisCacheOptions.Section}:Configuration: the value of '{exception.ParamName}' is not one that it takes.");
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            faults.Add($"{RedisCacheOptions.Section}:Configuration holds an option that StackExchange.Redis does not know, or a value that it cannot read; a password with a comma belongs in {RedisCacheOptions.Section}:PasswordFile.");
        }

        return null;
    }

    private static string? FindFileFault(string file)
    {
        try
        {
            return ReadSecret(file).Length > 0 ? null : $"'{file}' is empty.";
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
    }

    private static string ReadSecret(string file)
    {
        try
        {
            // Editors and secret stores leave a line break at the end.
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{file}' cannot be read: {exception.Message}", exception);
        }
    }

    private static bool IsSet(string? value) => !string.IsNullOrWhiteSpace(value);
}
