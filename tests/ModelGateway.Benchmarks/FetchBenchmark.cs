using System.Diagnostics;
using System.Globalization;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Win32.SafeHandles;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.S3;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// A large model from S3 into the artifact cache (checked, resumable), against the same ranges fetched by the SDK alone into a file: each in
/// a fresh process, in turn.
/// </summary>
internal static class FetchBenchmark
{
    private const string Bucket = "models";
    private const string Key = "large/1/model.onnx";
    private const string SmallKey = "small/1/model.onnx";
    private const int Parallelism = 8;
    private const int PieceBytes = 8 << 20;

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
        int mebibytes = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 500;
        await using S3Server server = await S3Server.StartAsync();
        await server.CreateBucketAsync(Bucket);
        byte[] content = new byte[mebibytes << 20];
        new Random(1).NextBytes(content);
        await server.PutAsync(Bucket, Key, content);
        await server.PutAsync(Bucket, SmallKey, content.AsMemory(0, 1 << 20));

        var ratios = new List<double>();
        var growths = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            (double sdk, double sdkGrowth) = await ChildAsync("sdk", server.Endpoint);
            (double gateway, double growth) = await ChildAsync("gateway", server.Endpoint);
            ratios.Add(sdk / gateway);
            growths.Add(growth);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"round {round + 1}: SDK {mebibytes / sdk:0} MiB/s (+{sdkGrowth:0} MiB), gateway {mebibytes / gateway:0} MiB/s (+{growth:0} MiB), speed ratio {sdk / gateway:0.00}"));
        }

        ratios.Sort();
        growths.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"speed of the SDK's: median {ratios[ratios.Count / 2]:0.00} ({ratios[0]:0.00}-{ratios[^1]:0.00}); memory growth: median {growths[growths.Count / 2]:0} MiB (at most {growths[^1]:0})"));
        return 0;
    }

    /// <summary>One download in this process; prints seconds and the growth of resident memory in MiB.</summary>
    public static async Task<int> RunChildAsync(string kind, string endpoint)
    {
        string folder = Directory.CreateTempSubdirectory("fetch-").FullName;
        try
        {
            Func<string, Task> download = kind == "sdk" ? Sdk(endpoint, folder) : Gateway(endpoint, folder);
            await download(SmallKey);
            GC.Collect();

            // Makes the kernel forget the peak so far.
            await File.WriteAllTextAsync("/proc/self/clear_refs", "5");
            double before = ReadStatus("VmRSS:");
            var watch = Stopwatch.StartNew();
            await download(Key);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds} {ReadStatus("VmHWM:") - before}"));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Func<string, Task> Gateway(string endpoint, string folder)
    {
        var harness = new StoreHarness(("Endpoint", endpoint), ("AccessKeyId", "key"), ("SecretAccessKey", "secret"));
        IObjectStore store = harness.Open(new S3ObjectStoreProvider(), $"s3://{Bucket}");
        var cache = new ArtifactCache(folder, new ArtifactCacheOptions { Parallelism = Parallelism, PieceBytes = PieceBytes });
        return async key =>
        {
            var repository = new ModelRepository(store, TimeSpan.Zero, TimeProvider.System);
            RepositoryListing listing = await repository.ScanAsync(key.Split('/')[0], CancellationToken.None);

            // Kept until the process ends: disposing is no part of a download.
            await cache.FetchAsync(listing.Models[key.Split('/')[0]].Versions[0], CancellationToken.None);
        };
    }

    private static Func<string, Task> Sdk(string endpoint, string folder)
    {
        var client = new AmazonS3Client(
            new BasicAWSCredentials("key", "secret"), new AmazonS3Config { ServiceURL = endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        return async key =>
        {
            GetObjectMetadataResponse head = await client.GetObjectMetadataAsync(Bucket, key);
            using SafeFileHandle file = File.OpenHandle(Path.Combine(folder, key.Replace('/', '-')), FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, head.ContentLength);
            await Parallel.ForAsync(0, (head.ContentLength + PieceBytes - 1) / PieceBytes, new ParallelOptions { MaxDegreeOfParallelism = Parallelism }, async (piece, token) =>
            {
                long offset = piece * PieceBytes;
                using GetObjectResponse response = await client.GetObjectAsync(
                    new GetObjectRequest { BucketName = Bucket, Key = key, ByteRange = new ByteRange(offset, Math.Min(offset + PieceBytes, head.ContentLength) - 1) }, token);
                byte[] buffer = new byte[1 << 17];
                while (await response.ResponseStream.ReadAsync(buffer, token) is > 0 and int read)
                {
                    RandomAccess.Write(file, buffer.AsSpan(0, read), offset);
                    offset += read;
                }
            });
        };
    }

    private static async Task<(double Seconds, double GrowthMebibytes)> ChildAsync(string kind, Uri endpoint)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ModelGateway.Benchmarks.dll"), "fetch-child", kind, endpoint.AbsoluteUri])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string[] parts = (await process.StandardOutput.ReadToEndAsync()).Split(' ');
        await process.WaitForExitAsync();
        return (double.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private static double ReadStatus(string key)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(key, StringComparison.Ordinal));
        return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
