using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>
/// Lists a repository with the credentials of its own environment: <c>dotnet ModelGateway.Storage.S3.Tests.dll s3://bucket key=value...</c>
/// </summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        var harness = new StoreHarness([.. arguments.Skip(1).Select(setting => setting.Split('=', 2)).Select(parts => (parts[0], (string?)parts[1]))]);
        try
        {
            ObjectListing listing = (await harness.Open(new S3ObjectStoreProvider(), arguments[0]).ListAsync(null, CancellationToken.None))!;
            Console.Write(string.Join(' ', listing.Objects.Select(item => item.Key)));
            return 0;
        }
        catch (IOException exception)
        {
            Console.Write(exception.Message);
            return 1;
        }
    }
}
