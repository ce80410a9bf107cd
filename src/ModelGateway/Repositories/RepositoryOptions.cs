using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Repositories;

/// <summary>One of several repositories: <c>Gateway:Repositories:0</c> and so on. Sections named like those of the stores are its own settings.</summary>
internal sealed class RepositoryOptions
{
    [Description("In place of `Gateway:Repository`, where there are several repositories: the location of this one.")]
    public string Uri { get; set; } = "";

    [Description("Stands before the names of all models of this repository, for example `team-a.`, so that no two repositories offer the same name.")]
    public string NamePrefix { get; set; } = "";

    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    [Description("Time between two looks at this repository. Default: `Gateway:PollInterval`.")]
    public TimeSpan? PollInterval { get; set; }
}
