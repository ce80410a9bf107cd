namespace ModelGateway.Protocols.OpenInference;

/// <summary>The keys of an input that the protocol knows.</summary>
[Flags]
internal enum InputKeys
{
    None = 0,
    Name = 1,
    Shape = 2,
    Datatype = 4,
    Parameters = 8,
    Data = 16,
}
