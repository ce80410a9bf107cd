using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

/// <summary>One emulator for all classes that need it; each test has a container of its own in it.</summary>
[CollectionDefinition(Name)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "xunit's word.")]
public sealed class AzuriteCollection : ICollectionFixture<AzuriteServer>
{
    public const string Name = "Azurite";
}
