namespace ModelGateway.Serving.Repository.Signing;

/// <summary>What is asked of a version's signature.</summary>
public enum SignatureMode
{
    /// <summary>Signatures are not looked at.</summary>
    Off,

    /// <summary>A version that is signed must verify; one that is not is loaded as ever.</summary>
    Verify,

    /// <summary>Only versions that are signed, and verify, are loaded.</summary>
    Require,
}
