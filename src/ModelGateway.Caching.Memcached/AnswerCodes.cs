namespace ModelGateway.Caching.Memcached;

/// <summary>How the server's answer begins; as flags, so that a request can say which of them it takes.</summary>
[Flags]
internal enum AnswerCodes
{
    None = 0,

    /// <summary><c>VA</c>: a value follows.</summary>
    Value = 1,

    /// <summary><c>HD</c>: done.</summary>
    Done = 2,

    /// <summary><c>EN</c>: no such item, when asked for.</summary>
    Missing = 4,

    /// <summary><c>NS</c>: there is an item already.</summary>
    NotStored = 8,

    /// <summary><c>EX</c>: another item than the one meant.</summary>
    Changed = 16,

    /// <summary><c>NF</c>: no such item, when changed or removed.</summary>
    NotFound = 32,

    /// <summary><c>SERVER_ERROR</c>: this request failed; the connection is as good as before.</summary>
    ServerError = 64,
}
