namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>Files behind the tracking server's proxy.</summary>
public sealed class ProxiedRegistryContractTests : RegistryContract
{
    private protected override string SourceOf(string folder) => $"mlflow-artifacts:/{folder}";

    private protected override void Put(string folder, string name, byte[] content) => Server.PutArtifact($"{folder}/{name}", content);

    private protected override void Remove(string folder, IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            Server.RemoveArtifact($"{folder}/{name}");
        }
    }
}
