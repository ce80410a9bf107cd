using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Audit;

/// <summary>Who did what to which model: the section <c>Gateway:Audit</c>.</summary>
internal sealed class AuditOptions
{
    public const string Section = GatewayOptions.Section + ":Audit";

    [Description("Whether it is written who did what to which model, one JSON object a line. Default: yes, except in Development.")]
    public bool? Enabled { get; set; }

    [Description("File that the lines are appended to; a file that was renamed is begun anew. Default: standard output, between the lines of the log, from which `\"audit\":true` tells them.")]
    public string? File { get; set; }

    [Description("Whether refused tokens and missing rights are written too.")]
    public bool Refusals { get; set; } = true;

    [Range(100, 1_000_000)]
    [Description("Lines that wait while they cannot be written; what comes on top is lost, counted and told in the log. Refusals take at most half of the places.")]
    public int BufferedEvents { get; set; } = 10_000;
}
