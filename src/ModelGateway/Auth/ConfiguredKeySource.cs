namespace ModelGateway.Auth;

/// <summary>Keys that stand in the configuration and change with a restart only.</summary>
internal sealed class ConfiguredKeySource(TrustedKeys keys) : KeySource
{
    public override TrustedKeys Current => keys;
}
