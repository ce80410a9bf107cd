using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Amazon.S3.Transfer;
using Microsoft.Win32.SafeHandles;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.S3;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// A large model from S3 into the artifact cache (checked, resumable), against three ways that use the SDK alone: its own parallel download
/// (<c>TransferUtility</c>, the same ranges), the same ranges by a loop of our own, which nobody checks, and that loop with a SHA-256 over the
/// file while it grows, so that the price of the check is told apart from that of the cache. Each in a process
/// of its own, in turn: as the first thing a process fetches, when much of its code is yet to be compiled, and as a later one.
/// </summary>
internal static class FetchBenchmark
{
    private const string Bucket = "models";
    private const string Key = "large/1/model.onnx";
    private const string SmallKey = "small/1/model.onnx";
    private const string Ranges = "sdk-ranges";
    private const string Hashed = "sdk-ranges-sha256";
    private const string Transferred = "sdk-transfer";
    private const int EarlierCount = 4;
    private const int EarlierMebibytes = 32;
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

        for (int i = 0; i < EarlierCount; i++)
        {
            byte[] earlier = new byte[EarlierMebibytes << 20];
            new Random(2 + i).NextBytes(earlier);
            await server.PutAsync(Bucket, EarlierKey(i), earlier);
        }

        // The server compiles too.
        await ChildAsync(Ranges, "first", server.Endpoint);
        foreach (string when in (string[])["first", "later"])
        {
            await MeasureAsync(when, rounds, mebibytes, server.Endpoint);
        }

        return 0;
    }

    private static async Task MeasureAsync(string when, int rounds, int mebibytes, Uri endpoint)
    {
        string[] kinds = [Ranges, Transferred, Hashed, "gateway"];
        Dictionary<string, List<Download>> downloads = kinds.ToDictionary(kind => kind, _ => new List<Download>());
        for (int round = 0; round < rounds; round++)
        {
            foreach (string kind in kinds)
            {
                downloads[kind].Add(await ChildAsync(kind, when, endpoint));
            }
        }

        foreach (string kind in kinds)
        {
            Write($"{when} {kind}", mebibytes, downloads[kind], downloads[Ranges], downloads[Transferred]);
        }
    }

    private static string EarlierKey(int number) => $"earlier{number}/1/model.onnx";

    private static void Write(string title, int mebibytes, List<Download> downloads, List<Download> ranges, List<Download> transferred)
    {
        double[] speeds = Sorted(downloads.Select(download => mebibytes / download.Seconds));
        double[] processor = Sorted(downloads.Select(download => download.ProcessorSeconds));
        double[] compiling = Sorted(downloads.Select(download => download.CompilingSeconds));
        double[] growths = Sorted(downloads.Select(download => download.GrowthMebibytes));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{title,-24} {Median(speeds):0} MiB/s ({speeds[0]:0}-{speeds[^1]:0}); of TransferUtility's {Ratios(downloads, transferred)}, of the ranges' {Ratios(downloads, ranges)}; processor {Median(processor):0.00} s, compiling {Median(compiling):0.00} s of it; memory +{Median(growths):0} MiB (at most {growths[^1]:0})"));
    }

    private static string Ratios(List<Download> downloads, List<Download> others)
    {
        double[] ratios = Sorted(downloads.Zip(others, (download, other) => other.Seconds / download.Seconds));
        return string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):0.00} ({ratios[0]:0.00}-{ratios[^1]:0.00})");
    }

    private static double[] Sorted(IEnumerable<double> figures) => [.. figures.Order()];

    private static double Median(double[] sorted) => sorted[sorted.Length / 2];

    /// <summary>One download in this process; prints seconds, seconds of processor time and of compiling, and the growth of resident memory in MiB.</summary>
    public static async Task<int> RunChildAsync(string kind, string when, string endpoint)
    {
        string folder = Directory.CreateTempSubdirectory("fetch-").FullName;
        try
        {
            Func<string, Task> download = kind switch
            {
                Ranges => Sdk(endpoint, folder, isHashed: false),
                Transferred => Transfer(endpoint, folder),
                Hashed => Sdk(endpoint, folder, isHashed: true),
                _ => Gateway(endpoint, folder),
            };
            await download(SmallKey);
            if (when == "later")
            {
                await FetchEarlierOnesAsync(download);
            }

            GC.Collect();

            // Makes the kernel forget the peak so far.
            await File.WriteAllTextAsync("/proc/self/clear_refs", "5");
            double before = ReadStatus("VmRSS:");
            TimeSpan processor = Environment.CpuUsage.TotalTime;
            TimeSpan compiling = JitInfo.GetCompilationTime();
            var watch = Stopwatch.StartNew();
            await download(Key);
            TimeSpan elapsed = watch.Elapsed;
            processor = Environment.CpuUsage.TotalTime - processor;
            compiling = JitInfo.GetCompilationTime() - compiling;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds} {processor.TotalSeconds} {compiling.TotalSeconds} {ReadStatus("VmHWM:") - before}"));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What was called often enough is compiled anew in the background a while after, in two steps.
    private static async Task FetchEarlierOnesAsync(Func<string, Task> download)
    {
        for (int i = 0; i < EarlierCount; i++)
        {
            await download(EarlierKey(i));
            long compiled;
            do
            {
                compiled = JitInfo.GetCompiledMethodCount();
                await Task.Delay(250);
            }
            while (JitInfo.GetCompiledMethodCount() > compiled);
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

    private static AmazonS3Client Client(string endpoint) => new(
        new BasicAWSCredentials("key", "secret"), new AmazonS3Config { ServiceURL = endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

    private static Func<string, Task> Transfer(string endpoint, string folder)
    {
        var transfer = new TransferUtility(Client(endpoint), new TransferUtilityConfig { ConcurrentServiceRequests = Parallelism });
        return key => transfer.DownloadWithResponseAsync(new TransferUtilityDownloadRequest
        {
            BucketName = Bucket,
            Key = key,
            FilePath = Path.Combine(folder, key.Replace('/', '-')),
            MultipartDownloadType = MultipartDownloadType.RANGE,
            PartSize = PieceBytes,
        });
    }

    private static Func<string, Task> Sdk(string endpoint, string folder, bool isHashed)
    {
        AmazonS3Client client = Client(endpoint);
        return async key =>
        {
            GetObjectMetadataResponse head = await client.GetObjectMetadataAsync(Bucket, key);
            using SafeFileHandle file = File.OpenHandle(Path.Combine(folder, key.Replace('/', '-')), FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.None, head.ContentLength);
            TaskCompletionSource[] arrived = [.. Enumerable.Range(0, (int)((head.ContentLength + PieceBytes - 1) / PieceBytes)).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
            Task hashing = isHashed ? HashAsync(file, head.ContentLength, arrived) : Task.CompletedTask;
            await Parallel.ForAsync(0, arrived.Length, new ParallelOptions { MaxDegreeOfParallelism = Parallelism }, async (piece, token) =>
            {
                long offset = (long)piece * PieceBytes;
                using GetObjectResponse response = await client.GetObjectAsync(
                    new GetObjectRequest { BucketName = Bucket, Key = key, ByteRange = new ByteRange(offset, Math.Min(offset + PieceBytes, head.ContentLength) - 1) }, token);
                byte[] buffer = new byte[1 << 17];
                while (await response.ResponseStream.ReadAsync(buffer, token) is > 0 and int read)
                {
                    RandomAccess.Write(file, buffer.AsSpan(0, read), offset);
                    offset += read;
                }

                arrived[piece].SetResult();
            });
            await hashing;
        };
    }

    // Reads the pieces back, in order, as soon as they are there.
    private static async Task HashAsync(SafeFileHandle file, long length, TaskCompletionSource[] arrived)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 18];
        for (int piece = 0; piece < arrived.Length; piece++)
        {
            await arrived[piece].Task;
            long end = Math.Min((long)(piece + 1) * PieceBytes, length);
            for (long offset = (long)piece * PieceBytes; offset < end;)
            {
                int read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)), offset);
                hash.AppendData(buffer, 0, read);
                offset += read;
            }
        }

        hash.GetHashAndReset();
    }

    private static async Task<Download> ChildAsync(string kind, string when, Uri endpoint)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ModelGateway.Benchmarks.dll"), "fetch-child", kind, when, endpoint.AbsoluteUri])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string[] parts = (await process.StandardOutput.ReadToEndAsync()).Split(' ');
        await process.WaitForExitAsync();
        double[] figures = [.. parts.Select(part => double.Parse(part, CultureInfo.InvariantCulture))];
        return new Download(figures[0], figures[1], figures[2], figures[3]);
    }

    private static double ReadStatus(string key)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(key, StringComparison.Ordinal));
        return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    private sealed record Download(double Seconds, double ProcessorSeconds, double CompilingSeconds, double GrowthMebibytes);
}
