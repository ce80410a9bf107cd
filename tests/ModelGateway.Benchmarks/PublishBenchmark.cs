using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Benchmarks;

/// <summary>From the end of the upload of a new version to a bucket until the first answer by it: told by the webhook, and found by polling.</summary>
internal static class PublishBenchmark
{
    private const string Bucket = "models";
    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
        var interval = TimeSpan.FromSeconds(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5);
        await using S3Server server = await S3Server.StartAsync();
        await server.CreateBucketAsync(Bucket);
        byte[] model = await File.ReadAllBytesAsync(Path.Combine(RepositoryRoot.Path, "docs", "samples", "models", "iris", "1", "model.onnx"));
        await PutAsync(server, model, 1, hasManifest: false);
        string artifacts = Directory.CreateTempSubdirectory("publish-").FullName;
        try
        {
            await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
            {
                ["Gateway__Repository"] = $"s3://{Bucket}/live",
                ["Gateway__S3__Endpoint"] = server.Endpoint.AbsoluteUri,
                ["Gateway__S3__AccessKeyId"] = "key",
                ["Gateway__S3__SecretAccessKey"] = "secret",
                ["Gateway__PollInterval"] = interval.ToString("c", CultureInfo.InvariantCulture),
                ["Gateway__ArtifactFolder"] = artifacts,
                ["Gateway__Auth__Enabled"] = "false",
            });
            await gateway.WaitUntilReadyAsync();
            long version = 1;
            foreach ((bool webhook, bool manifest) in new[] { (true, true), (true, false), (false, true), (false, false) })
            {
                var seconds = new List<double>();
                for (int round = 0; round < rounds; round++)
                {
                    await PutAsync(server, model, ++version, manifest);
                    var watch = Stopwatch.StartNew();
                    if (webhook)
                    {
                        await NotifyAsync(gateway, version);
                    }

                    await WaitForAnswerAsync(gateway, version);
                    seconds.Add(watch.Elapsed.TotalSeconds);
                }

                seconds.Sort();
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(webhook ? "webhook" : $"interval of {interval.TotalSeconds:0} s")}, {(manifest ? "with" : "without")} manifest: median {seconds[seconds.Count / 2]:0.00} s ({seconds[0]:0.00}-{seconds[^1]:0.00})"));
            }

            return 0;
        }
        finally
        {
            Directory.Delete(artifacts, recursive: true);
        }
    }

    private static async Task PutAsync(S3Server server, byte[] model, long version, bool hasManifest)
    {
        await server.PutAsync(Bucket, $"live/iris/{version}/model.onnx", model);
        if (hasManifest)
        {
            var manifest = new { files = new[] { new { name = "model.onnx", size = model.Length, sha256 = Convert.ToHexStringLower(SHA256.HashData(model)) } } };
            await server.PutAsync(Bucket, $"live/iris/{version}/manifest.json", JsonSerializer.SerializeToUtf8Bytes(manifest));
        }
    }

    // As S3 tells of a new object.
    private static async Task NotifyAsync(GatewayProcess gateway, long version)
    {
        string notification = JsonSerializer.Serialize(new
        {
            Records = new[] { new { eventSource = "aws:s3", eventName = "ObjectCreated:Put", s3 = new { bucket = new { name = Bucket }, @object = new { key = $"live/iris/{version}/model.onnx" } } } },
        });
        using var body = new StringContent(notification, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri("/v2/repository/refresh", UriKind.Relative), body);
        response.EnsureSuccessStatusCode();
    }

    private static async Task WaitForAnswerAsync(GatewayProcess gateway, long version)
    {
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromMinutes(1); await Task.Delay(5))
        {
            using var body = new StringContent("""{"inputs":{"X":[[5.1,3.5,1.4,0.2]]}}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri("/predict/iris", UriKind.Relative), body);
            if ((await response.Content.ReadAsStringAsync()).Contains($"\"version\":\"{version}\"", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new TimeoutException($"Version {version} did not answer within a minute.");
    }
}
