namespace ModelGateway.OpenApi;

/// <summary>What the document says of the body of an endpoint that reads it by itself, and takes it with whatever content type it comes.</summary>
/// <param name="Description">What it may be.</param>
/// <param name="Example">One that can be sent as it stands, as JSON.</param>
internal sealed record DocumentedBody(string Description, string Example);
