using System.Collections.Concurrent;
using System.Globalization;
using ModelGateway.Serving.Inference;

namespace ModelGateway.Caching;

/// <summary>The headers that say what the cache did: <c>Cache-Status</c> (RFC 9211) and, on remembered answers, <c>Age</c>.</summary>
internal static class CacheStatus
{
    public const string Header = "Cache-Status";
    private const string Name = "ModelGateway";

    // Most answers have one of these; made once.
    private const string Miss = Name + "; fwd=miss";
    private const string MissStored = Name + "; fwd=miss; stored";
    private const string Collapsed = Name + "; fwd=miss; collapsed";

    private static volatile HitText? _lastHit;

    private static readonly ConcurrentDictionary<string, string> Bypasses = new(StringComparer.Ordinal);

    public static void Set(HttpResponse response, in CacheReport report)
    {
        response.Headers[Header] = Describe(report);
        if (report.Use == CacheUse.Hit)
        {
            response.Headers.Age = Math.Max(0, (long)report.Age.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>For an answer that was kept whole: its texts change but once a second, so they are kept with it.</summary>
    public static void SetAnswerHit(IHeaderDictionary headers, FinishedAnswer answer, TimeSpan age)
    {
        long seconds = (long)age.TotalSeconds;
        if (answer.LastHit is not { } texts || texts.Age != seconds)
        {
            var report = new CacheReport(CacheUse.Hit) { Age = age, TimeToLive = answer.Freshness.FreshFor - age, Detail = "answer" };
            answer.LastHit = texts = new HitTexts(seconds, Describe(report), seconds.ToString(CultureInfo.InvariantCulture));
        }

        headers[Header] = texts.Status;
        headers.Age = texts.AgeText;
    }

    // Where hits are many, most of a second's are of one age and one place. Threads that make it at once make equal ones.
    private static string DescribeHit(long ttl, string? detail)
    {
        if (_lastHit is { } last && last.Ttl == ttl && ReferenceEquals(last.Detail, detail))
        {
            return last.Text;
        }

        string text = string.Create(CultureInfo.InvariantCulture, $"{Name}; hit; ttl={ttl}; detail={detail}");
        _lastHit = new HitText(ttl, detail, text);
        return text;
    }

    private static string Describe(in CacheReport report) => report.Use switch
    {
        CacheUse.Hit => DescribeHit((long)Math.Floor(report.TimeToLive.TotalSeconds), report.Detail),
        CacheUse.Miss => report.Stored ? MissStored : Miss,
        CacheUse.Collapsed => Collapsed,
        // Reasons are few.
        CacheUse.Bypass => Bypasses.GetOrAdd(report.Detail ?? "", static detail => $"{Name}; fwd=bypass; detail={detail}"),
        CacheUse.Stale => report.Stored ? Name + "; fwd=stale; stored" : Name + "; fwd=stale",
        CacheUse.Request => report.Stored ? Name + "; fwd=request; stored" : Name + "; fwd=request",
        _ => report.Stored ? Name + "; fwd=partial; stored; detail=rows" : Name + "; fwd=partial",
    };
}

/// <summary>What a hit says that has so many seconds left and was found there. Immutable.</summary>
internal sealed record HitText(long Ttl, string? Detail, string Text);

/// <summary>What a kept answer says of itself in one second of its age. Immutable.</summary>
internal sealed record HitTexts(long Age, string Status, string AgeText);
