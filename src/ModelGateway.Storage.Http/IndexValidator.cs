using System.Globalization;
using System.Net.Http.Headers;

namespace ModelGateway.Storage.Http;

/// <summary>By what a server tells that an index is still the same: its ETag, or else the time of its last change.</summary>
/// <param name="Tag">For If-None-Match, weak or strong; null where the server has none.</param>
/// <param name="Modified">For If-Modified-Since, where there is no tag.</param>
internal sealed record IndexValidator(EntityTagHeaderValue? Tag, DateTimeOffset? Modified)
{
    private const string TagPrefix = "etag ";
    private const string ModifiedPrefix = "modified ";

    // Times in HTTP have whole seconds, and the ETags of some servers (nginx) are made of that time and the size: an index written twice
    // within a second may have the same one both times. Once it has lain there for a moment, nothing more can hide behind it.
    private static readonly TimeSpan Ripening = TimeSpan.FromSeconds(2);

    /// <summary>The same as a listing's marker.</summary>
    public string Marker => Tag is not null ? TagPrefix + Tag : ModifiedPrefix + Modified!.Value.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>That of an answer; null where it has none that can be believed yet.</summary>
    /// <param name="response">The answer with the index.</param>
    /// <param name="now">The time, for servers that do not tell it.</param>
    public static IndexValidator? From(HttpResponseMessage response, DateTimeOffset now)
    {
        EntityTagHeaderValue? tag = response.Headers.ETag;
        DateTimeOffset? modified = response.Content.Headers.LastModified;
        bool isRipe = modified is null || (response.Headers.Date ?? now) - modified >= Ripening;
        return isRipe && (tag is not null || modified is not null) ? new IndexValidator(tag, modified) : null;
    }

    /// <summary>That of a marker; null where the marker is of another kind.</summary>
    public static IndexValidator? FromMarker(string marker)
    {
        if (marker.StartsWith(TagPrefix, StringComparison.Ordinal))
        {
            return EntityTagHeaderValue.TryParse(marker[TagPrefix.Length..], out EntityTagHeaderValue? tag) ? new IndexValidator(tag, null) : null;
        }

        return marker.StartsWith(ModifiedPrefix, StringComparison.Ordinal)
            && long.TryParse(marker.AsSpan(ModifiedPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? new IndexValidator(null, DateTimeOffset.FromUnixTimeSeconds(seconds))
            : null;
    }

    /// <summary>Asks for the index only if it is another one.</summary>
    public void AddTo(HttpRequestHeaders headers)
    {
        if (Tag is not null)
        {
            headers.IfNoneMatch.Add(Tag);
        }
        else
        {
            headers.IfModifiedSince = Modified;
        }
    }
}
