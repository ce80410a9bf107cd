using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using ModelGateway.Serving.Caching;
using ModelGateway.Trust;

namespace ModelGateway.Caching;

/// <summary>What predictions are remembered in: the section <c>Gateway:Cache</c>.</summary>
internal sealed class CacheSettings
{
    public const string Section = GatewayOptions.Section + ":Cache";

    [Description("Whether answers are remembered. A model's own setting stands in its model.yaml.")]
    public bool Enabled { get; set; } = new CacheOptions().Enabled;

    [Range(0, 1L << 40)]
    [Description("What remembered answers may take up in memory; bytes. Half is for predictions, half for finished answers by the body's bytes. With 0 only the shared store remembers.")]
    public long MaxBytes { get; set; } = 128 << 20;

    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    [Description("How long an answer is fresh, for models that set nothing of their own.")]
    public TimeSpan Ttl { get; set; } = new CacheOptions().Ttl;

    [Range(1, 1 << 30)]
    [Description("Largest answer that is remembered, for models that set nothing of their own; bytes of its tensors.")]
    public long MaxValueBytes { get; set; } = new CacheOptions().MaxValueBytes;

    [Description("Claim of the token, such as `sub` or `tid`, whose holders share answers with nobody else; requests whose token lacks it pass the cache by. Default: all callers share.")]
    public string? TenantClaim { get; set; }

    [Description("Secret of 32 bytes or more, in base64, that makes the keys a keyed hash, so that who reads the shared store cannot test what was asked. The same in all replicas.")]
    public string? KeySecret { get; set; }

    [Description("File that holds the KeySecret, in base64.")]
    public string? KeySecretFile { get; set; }

    [Description("Whether replicas wait for each other's run of one request, through the shared store.")]
    public bool CoalesceAcrossReplicas { get; set; }

    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:10")]
    [Description("Longest time that a request waits for the shared store before the model is run instead.")]
    public TimeSpan StoreTimeout { get; set; } = TimeSpan.FromMilliseconds(20);

    public CacheEncryptionOptions Encryption { get; set; } = new();
}

/// <summary>Keys that values in the shared store are encrypted with.</summary>
internal sealed class CacheEncryptionOptions
{
    [Description("Id of the key that values are written with. The others still open what was written with them. Default: the first.")]
    public string? KeyId { get; set; }

    /// <summary>Keys; none: values are stored as they are.</summary>
    public IList<EncryptionKeyOptions> Keys { get; set; } = [];
}
