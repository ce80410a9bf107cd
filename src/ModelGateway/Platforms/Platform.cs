namespace ModelGateway.Platforms;

/// <summary>The managed service that runs the container, whose contract for containers is then kept besides the gateway's own routes.</summary>
internal enum Platform
{
    /// <summary>None: no route, no default changes.</summary>
    None,

    /// <summary>Amazon SageMaker AI hosting: one model, or a multi-model endpoint.</summary>
    SageMaker,

    /// <summary>Google Vertex AI prediction.</summary>
    Vertex,

    /// <summary>Azure Machine Learning online endpoints.</summary>
    AzureMl,
}
