using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Serving.Models;

namespace ModelGateway.Repositories;

/// <summary>The rules for <c>Gateway:Repository</c>, <c>Gateway:Repositories</c> and <c>Gateway:Refresh</c>; all faults at once, each with its key.</summary>
internal sealed class RepositoryValidator(IConfiguration gateway, IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    private const string One = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repository)}";
    private const string Several = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repositories)}";

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var faults = new List<string>();
        if (string.IsNullOrWhiteSpace(options.Repository) && options.Repositories.Count == 0)
        {
            faults.Add($"{One} is not set: name the folder or URI of the model repository, for example Gateway__Repository=/models.");
        }
        else if (!string.IsNullOrWhiteSpace(options.Repository) && options.Repositories.Count > 0)
        {
            faults.Add($"{One} and {Several} are both set: keep one, and put all repositories into the list where there are several.");
        }

        IReadOnlyList<ConfiguredRepository> repositories = ConfiguredRepository.Read(options, gateway);
        foreach (ConfiguredRepository repository in repositories)
        {
            Check(repository, faults);
        }

        CheckTwice(repositories, faults);
        EndpointSecret.Read(options.Refresh, environment.ContentRootPath, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void Check(ConfiguredRepository repository, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(repository.Uri))
        {
            faults.Add($"{repository.Key} is not set: name the folder or URI of the repository.");
        }
        else
        {
            faults.AddRange(Backends.Stores.FindFaults(repository.Uri, repository.Key, repository.Settings));
        }

        // Whatever folder stands behind it: the shortest name shows whether the prefix itself is at fault.
        if (repository.NamePrefix.Length > 0 && !ModelName.IsValid(repository.NamePrefix + "m"))
        {
            string key = $"{repository.Key[..repository.Key.LastIndexOf(':')]}:{nameof(RepositoryOptions.NamePrefix)}";
            faults.Add($"{key} makes no valid names: with a model's folder behind it, a name must match {ModelName.Pattern}.");
        }
    }

    private void CheckTwice(IEnumerable<ConfiguredRepository> repositories, List<string> faults)
    {
        IEnumerable<IGrouping<(string, string), ConfiguredRepository>> places = repositories
            .Where(repository => !string.IsNullOrWhiteSpace(repository.Uri))
            .GroupBy(repository => (Backends.Stores.LocationOf(repository.Uri, environment.ContentRootPath), repository.NamePrefix));
        foreach (IGrouping<(string, string), ConfiguredRepository> place in places.Where(place => place.Count() > 1))
        {
            faults.Add($"{string.Join(" and ", place.Select(repository => repository.Key))} are the same repository: keep one, or give them different NamePrefixes.");
        }
    }
}
