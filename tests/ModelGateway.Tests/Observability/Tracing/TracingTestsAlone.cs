using Xunit;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>What listens for spans listens to the whole process: to no other test's host at the same time.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TracingTestsAlone
{
    public const string Name = "Tracing";
}
