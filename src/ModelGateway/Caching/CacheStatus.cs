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

    public static void Set(HttpResponse response, in CacheReport report)
    {
        response.Headers[Header] = Describe(report);
        if (report.Use == CacheUse.Hit)
        {
            response.Headers.Age = Math.Max(0, (long)report.Age.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }
    }

    private static string Describe(in CacheReport report) => report.Use switch
    {
        CacheUse.Hit => string.Create(CultureInfo.InvariantCulture, $"{Name}; hit; ttl={(long)Math.Floor(report.TimeToLive.TotalSeconds)}; detail={report.Detail}"),
        CacheUse.Miss => report.Stored ? MissStored : Miss,
        CacheUse.Collapsed => Collapsed,
        CacheUse.Bypass => $"{Name}; fwd=bypass; detail={report.Detail}",
        CacheUse.Stale => report.Stored ? Name + "; fwd=stale; stored" : Name + "; fwd=stale",
        CacheUse.Request => report.Stored ? Name + "; fwd=request; stored" : Name + "; fwd=request",
        _ => report.Stored ? Name + "; fwd=partial; stored; detail=rows" : Name + "; fwd=partial",
    };
}
