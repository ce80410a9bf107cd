using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace ModelGateway.Limits;

/// <summary>How many requests are answered: the section <c>Gateway:RateLimits</c>. Nothing is limited where both lists are empty. Each gateway counts for itself.</summary>
internal sealed class RateLimitOptions
{
    public const string Section = GatewayOptions.Section + ":RateLimits";

    /// <summary>Requests of one caller: of the token's subject, or else of the client certificate, or else of the address. The first rule that fits counts.</summary>
    [ValidateEnumeratedItems]
    public IList<SubjectRate> Subjects { get; set; } = [];

    /// <summary>Predictions of one model, of all callers together. The first rule that fits counts.</summary>
    [ValidateEnumeratedItems]
    public IList<ModelRate> Models { get; set; } = [];

    /// <summary>Whether anything is limited.</summary>
    public bool IsOn => Subjects.Count > 0 || Models.Count > 0;
}

/// <summary>A rule of either kind.</summary>
internal interface IRateRule
{
    string Name { get; }

    double? Rate { get; }

    int? Burst { get; }
}

/// <summary>A rule for callers.</summary>
internal sealed class SubjectRate : IRateRule
{
    [Required]
    [Description("Callers that the rule is for, `*` for any run of characters: the token's claim `sub` (or `client_id`, `azp`); without a token the subject of the client certificate, or `address 192.0.2.7`. The first rule that fits counts, for each caller apart.")]
    public string Name { get; set; } = "*";

    [Range(0.001, 1_000_000)]
    [Description("Requests a second that one caller may send in the long run. Without it these callers are not limited.")]
    public double? Rate { get; set; }

    [Range(1, 1_000_000)]
    [Description("Requests that one caller may send at once. Default: those of a second, at least 1.")]
    public int? Burst { get; set; }
}

/// <summary>A rule for models.</summary>
internal sealed class ModelRate : IRateRule
{
    [Required]
    [Description("Models that the rule is for, `*` for any run of characters. The first rule that fits counts, for each model apart.")]
    public string Name { get; set; } = "*";

    [Range(0.001, 1_000_000)]
    [Description("Predictions a second that all callers together may ask of one model in the long run. Without it these models are not limited.")]
    public double? Rate { get; set; }

    [Range(1, 1_000_000)]
    [Description("Predictions that may be asked of one model at once. Default: those of a second, at least 1.")]
    public int? Burst { get; set; }
}
