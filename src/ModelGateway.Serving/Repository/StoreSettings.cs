using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;

namespace ModelGateway.Serving.Repository;

/// <summary>Reads a store's section of settings.</summary>
public static class StoreSettings
{
    /// <summary>Binds the section and checks what the attributes of its properties say.</summary>
    /// <param name="settings">The section.</param>
    /// <param name="name">Its name for the messages, for example <c>S3</c>.</param>
    /// <param name="faults">Gets a sentence for each fault.</param>
    /// <returns>The options; the default ones where a value is of the wrong type.</returns>
    public static TOptions Bind<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.All)] TOptions>(IConfiguration settings, string name, ICollection<string> faults)
        where TOptions : class, new()
    {
        var options = new TOptions();
        try
        {
            settings.Bind(options);
        }
        catch (InvalidOperationException exception)
        {
            faults.Add(exception.InnerException is null ? exception.Message : $"{exception.Message} {exception.InnerException.Message}");
            return new TOptions();
        }

        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        foreach (ValidationResult result in results)
        {
            faults.Add($"Gateway:{name}:{string.Join(", ", result.MemberNames)}: {result.ErrorMessage}");
        }

        return options;
    }
}
