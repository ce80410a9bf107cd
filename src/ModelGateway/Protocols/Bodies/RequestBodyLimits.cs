namespace ModelGateway.Protocols.Bodies;

/// <summary>What one body may cost.</summary>
/// <param name="MaxBytes">The bound on the bytes received, and again on the bytes they inflate to.</param>
/// <param name="Deadline">From the first look at the body to its last byte, however steadily it drips.</param>
internal readonly record struct RequestBodyLimits(long MaxBytes, TimeSpan Deadline);
