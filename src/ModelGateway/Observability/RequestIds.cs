namespace ModelGateway.Observability;

/// <summary>One id a request: the caller's <c>X-Request-Id</c> where it is harmless, else our own; on every answer and log line.</summary>
internal static class RequestIds
{
    public const string Header = "X-Request-Id";
    private const int Longest = 128;

    /// <summary>The id of a request.</summary>
    public static string Of(HttpContext http) => http.TraceIdentifier;

    /// <summary>Takes over the caller's id if it has only letters, digits and <c>.-_:</c>, so that it cannot break a log or a header.</summary>
    public static void Adopt(HttpContext http)
    {
        string? given = http.Request.Headers[Header];
        if (given is { Length: > 0 and <= Longest } && given.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_' or ':'))
        {
            http.TraceIdentifier = given;
        }
    }
}
