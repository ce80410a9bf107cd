using System.Diagnostics;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// The core's spans: looks at repositories over the network, and loads of versions with their stages. What they ask stores for over HTTP is below
/// them. Without a listener nothing is made. Spans of predictions are the host's, which knows their stages.
/// </summary>
public static class ServingActivities
{
    /// <summary>The name that listeners ask for.</summary>
    public const string SourceName = "ModelGateway.Serving";

    internal const string RepositoryTag = "modelgateway.repository";
    internal const string ModelTag = "modelgateway.model.name";
    internal const string VersionTag = "modelgateway.model.version";

    internal static ActivitySource Source { get; } = new(SourceName);

    /// <summary>A look at a repository, below the request that asks for it if there is one.</summary>
    /// <param name="location">As operators know it, without secrets.</param>
    internal static Activity? StartScan(string location) => Source.StartActivity("repository.scan")?.SetTag(RepositoryTag, location);

    /// <summary>Says that what the span stands for failed; a message may hold more than a trace should.</summary>
    internal static void SetFailure(this Activity? span, Exception exception)
    {
        span?.SetTag("error.type", exception.GetType().FullName);
        span?.SetStatus(ActivityStatusCode.Error);
    }
}
