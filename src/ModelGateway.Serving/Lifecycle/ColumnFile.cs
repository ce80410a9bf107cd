using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// <c>columns.txt</c> of a version: UTF-8, the name of a column a line, in their order, for the one input of a model that takes a table.
/// Tables often have names with spaces, so nothing but the line's end is taken off.
/// </summary>
internal static class ColumnFile
{
    private const string FileName = "columns.txt";
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The names, or null where the version has no such file.</summary>
    /// <exception cref="ModelLoadException">The file is no list of names.</exception>
    /// <exception cref="InvalidDataException">It is too large, or cannot be decrypted.</exception>
    public static ColumnNames? Read(ArtifactFiles files, CancellationToken cancellationToken)
    {
        using SecretBytes? content = files.ReadTextBytes(FileName, cancellationToken);
        if (content is null)
        {
            return null;
        }

        try
        {
            string[] lines = Strict.GetString(content.Array).TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n');
            return new ColumnNames(lines[..(Array.FindLastIndex(lines, line => line.Length > 0) + 1)]);
        }
        catch (DecoderFallbackException exception)
        {
            throw new ModelLoadException($"{FileName} is not UTF-8 text.", exception);
        }
        catch (ArgumentException exception)
        {
            throw new ModelLoadException($"{FileName} must name a column a line: {exception.Message}.", exception);
        }
    }

    /// <summary>The signature with the names at the one input that must be given.</summary>
    /// <exception cref="ModelLoadException">They do not fit that input.</exception>
    public static ModelSignature AddTo(ModelSignature signature, ColumnNames columns)
    {
        TensorSpec[] required = [.. signature.Inputs.Where(input => !input.Optional)];
        TensorSpec? table = required.Length == 1 ? required[0] : signature.Inputs.Count == 1 ? signature.Inputs[0] : null;
        if (table is null)
        {
            // With several inputs an instance is an object by their names as it is; that is what the file then says once more.
            string? stranger = columns.Names.FirstOrDefault(name => signature.IndexOfInput(name) < 0);
            return stranger is null ? signature : throw new ModelLoadException(
                $"{FileName} names a column '{NameSuggestion.Shorten(stranger)}', but the model has {required.Length} inputs and none of that name; columns are for models with one input.");
        }

        // Of a free rank a table has two dimensions like any other.
        bool fits = table.Dimensions is null || (table.Dimensions.Length == 2 && (table.Dimensions[1] < 0 || table.Dimensions[1] == columns.Count));
        return fits
            ? new ModelSignature([.. signature.Inputs.Select(input => ReferenceEquals(input, table) ? input with { Columns = columns } : input)], signature.Outputs)
            : throw new ModelLoadException(
                $"{FileName} names {columns.Count} {(columns.Count == 1 ? "column" : "columns")}, but the input '{table.Name}' is {table.Type.Name()} {table.FormatDimensions()}; "
                + "its last of two dimensions must be free or as long as the list.");
    }
}
