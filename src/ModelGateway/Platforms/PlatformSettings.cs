namespace ModelGateway.Platforms;

/// <summary>What the environment says of the platform; fixed when the process starts.</summary>
/// <param name="Platform">Which.</param>
internal sealed record PlatformSettings(Platform Platform)
{
    /// <summary>Path of the health probe.</summary>
    public string HealthRoute { get; init; } = "";

    /// <summary>Path of predictions.</summary>
    public string PredictRoute { get; init; } = "";

    /// <summary>SageMaker loads and unloads the models itself.</summary>
    public bool IsMultiModel { get; init; }

    /// <summary>Headers of every prediction's answer.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> AnswerHeaders { get; init; } = [];

    /// <summary>
    /// What the platform puts into the container is the repository: a model's files may lie in it in other ways than in a repository. Null
    /// where the operator lists several.
    /// </summary>
    public PlacedArtifacts? Artifacts { get; init; }

    /// <summary>What the gateway's settings are where nothing else sets them.</summary>
    public IReadOnlyDictionary<string, string?> Defaults { get; init; } = new Dictionary<string, string?>();

    /// <summary>What is wrong with the environment, each a sentence.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];
}

/// <summary>How a platform calls the model that it puts into the container.</summary>
/// <param name="Model">The name where no folder has one.</param>
/// <param name="Version">The version where no folder has one.</param>
internal sealed record PlacedArtifacts(string Model, long Version);
