using System.Net.Http.Headers;
using System.Text;

namespace ModelGateway.Storage.MLflow;

/// <summary>Who the gateway is to the tracking server. Files are read at every request, so that a renewed secret needs no restart.</summary>
internal sealed class MLflowCredentials
{
    private readonly string? _token;
    private readonly string? _tokenFile;
    private readonly string? _username;
    private readonly string? _password;
    private readonly string? _passwordFile;

    /// <param name="options">What is set in the section.</param>
    /// <param name="environment">The variables of the environment, which count where the section has no credentials.</param>
    public MLflowCredentials(MLflowOptions options, Func<string, string?> environment)
    {
        (_token, _tokenFile) = (NullIfEmpty(options.Token), NullIfEmpty(options.TokenFile));
        (_username, _password, _passwordFile) = (NullIfEmpty(options.Username), NullIfEmpty(options.Password), NullIfEmpty(options.PasswordFile));
        if (_token is null && _tokenFile is null && _username is null && _password is null && _passwordFile is null)
        {
            _username = NullIfEmpty(environment("MLFLOW_TRACKING_USERNAME"));
            _password = NullIfEmpty(environment("MLFLOW_TRACKING_PASSWORD"));

            // As MLflow's own clients do: a token only where there is no pair of name and password.
            _token = _username is not null && _password is not null ? null : NullIfEmpty(environment("MLFLOW_TRACKING_TOKEN"));
            (_username, _password) = _token is null && _password is not null ? (_username, _password) : (null, null);
        }
    }

    /// <summary>There is something to send.</summary>
    public bool IsAny => _token is not null || _tokenFile is not null || _username is not null;

    /// <summary>What is contradictory or missing; names keys, no values.</summary>
    public IEnumerable<string> FindFaults()
    {
        bool isToken = _token is not null || _tokenFile is not null;
        bool isPassword = _password is not null || _passwordFile is not null;
        if (_token is not null && _tokenFile is not null)
        {
            yield return "Gateway:MLflow:Token and Gateway:MLflow:TokenFile are both set; set one.";
        }

        if (_password is not null && _passwordFile is not null)
        {
            yield return "Gateway:MLflow:Password and Gateway:MLflow:PasswordFile are both set; set one.";
        }

        if (isToken && (_username is not null || isPassword))
        {
            yield return "Gateway:MLflow has a token and a user name or password; set either.";
        }
        else if (_username is null != !isPassword)
        {
            yield return $"Gateway:MLflow:{(isPassword ? "Username" : "Password")} is missing: basic authentication takes both a user name and a password.";
        }

        foreach ((string key, string? file) in new[] { ("TokenFile", _tokenFile), ("PasswordFile", _passwordFile) })
        {
            if (file is not null && !File.Exists(file))
            {
                yield return $"Gateway:MLflow:{key} does not exist: '{file}'.";
            }
        }

        if (_token?.Any(c => c is <= ' ' or > '~') == true)
        {
            yield return "Gateway:MLflow:Token has characters that a token cannot have.";
        }
    }

    /// <summary>The header, or null where there is nothing to send.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public AuthenticationHeaderValue? CreateHeader()
    {
        if (_token is not null || _tokenFile is not null)
        {
            return new AuthenticationHeaderValue("Bearer", _token ?? ReadSecret(_tokenFile!, "TokenFile"));
        }

        if (_username is null)
        {
            return null;
        }

        string pair = $"{_username}:{_password ?? ReadSecret(_passwordFile!, "PasswordFile")}";
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
    }

    private static string ReadSecret(string file, string key)
    {
        try
        {
            string secret = File.ReadAllText(file).Trim();
            return secret.Length > 0 && !secret.AsSpan().ContainsAny('\r', '\n') ? secret
                : throw new IOException($"Gateway:MLflow:{key} must hold one line: '{file}'.");
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException($"Gateway:MLflow:{key} cannot be read: {exception.Message}", exception);
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
