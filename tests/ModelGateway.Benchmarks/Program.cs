using System.Globalization;
using ModelGateway.Benchmarks;
using ModelGateway.Benchmarks.Micro;
using ModelGateway.Benchmarks.Suite;

// Each command measures one bar of docs/benchmarks.md and prints what it saw; nothing here is part of CI.
return args switch
{
    ["floor-server", string address, string answerFile, ..] => await FloorServer.RunAsync(address, answerFile, args[3..]),
    ["running-floor", string address, string answerFile, string requestFile, ..] => await RunningFloor.RunAsync(address, answerFile, requestFile, args[4..]),
    ["plain-server", string address, string modelFile, string output, string threads] => await PlainServer.RunAsync(address, modelFile, output, int.Parse(threads, CultureInfo.InvariantCulture)),
    ["ort-loop", string requestFile] => OrtLoop.Run(requestFile),
    ["suite", ..] => await SuiteCommand.RunAsync(args[1..]),
    ["floor", ..] => await FloorBenchmark.RunAsync(args[1..]),
    ["swaps", ..] => await SwapBenchmark.RunAsync(args[1..]),
    ["soak", ..] => await SoakBenchmark.RunAsync(args[1..]),
    ["cache", ..] => await CacheBenchmark.RunAsync(args[1..]),
    ["fetch", ..] => await FetchBenchmark.RunAsync(args[1..]),
    ["fetch-child", string kind, string when, string endpoint] => await FetchBenchmark.RunChildAsync(kind, when, endpoint),
    ["publish", ..] => await PublishBenchmark.RunAsync(args[1..]),
    ["start", string folder] => await PublishedStartBenchmark.RunAsync(folder),
    ["start"] => await StartBenchmark.RunAsync(),
    ["pod-life", ..] => await PodLifeBenchmark.RunAsync(args[1..]),
    ["session-start", ..] => SessionStartBenchmark.Run(args[1..]),
    ["many-models", ..] => await ManyModelsBenchmark.RunAsync(args[1..]),
    ["pipeline", ..] => await PipelineBenchmark.RunAsync(args[1..]),
    ["refusals", ..] => await RefusalBenchmark.RunAsync(args[1..]),
    ["micro", ..] => MicroBenchmarks.Run(args[1..]),
    ["batching", ..] => await BatchingBenchmark.RunAsync(args[1..]),
    ["starve", ..] => await StarveBenchmark.RunAsync(args[1..]),
    ["numbers", ..] => NumbersCheck.Run(args[1..]),
    ["cache-policy"] => CachePolicyBenchmark.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.WriteLine("""
        dotnet run -c Release --project tests/ModelGateway.Benchmarks -- COMMAND
          suite [case] [rounds] [--seconds S] [--warmup S] [--write FOLDER]
                               every bar of the fast path, round by round beside bare Kestrel, ONNX Runtime alone, a plain C# service and a Fastify
                               server with onnxruntime-node: one table of ratios, and with --write suite.md and suite.svg in the folder.
                               Needs wrk, nodejs and npm from Debian (npm fetches Fastify's packages into artifacts/tools at first);
                               an unknown case lists the cases. A whole run of 7 rounds takes twenty minutes and wants a quiet machine.
          floor [rounds]       tiny models, JSON, 16 connections, against a bare Kestrel endpoint with the same bodies (needs wrk)
          swaps [count]        new versions of a model under constant load: failed requests, sessions left
          soak [requests]      varying shapes for a million requests: resident memory along the way (needs wrk)
          cache [case [rounds]] the prediction cache: hits against bare Kestrel, misses, batches, a store that fails (needs wrk, redis-server);
                               cases: hits, large, redis, misses, equal, faults, rows
          fetch [rounds [MiB]] a large model from S3 against the SDK's own downloads: speed, memory (needs what tests/run.sh installs)
          publish [rounds]     from the upload of a new version to S3 until its first answer (needs what tests/run.sh installs)
          start                from process start to the first right answer; 100 models of 1 MB: time to ready, threads
          start FOLDER         a published server with the samples: time to ready, resident memory once it is idle
          pod-life [lives [ms]] start, traffic, SIGTERM under load, end, behind HAProxy (needs it): failed requests, requests sent twice; with
                               that Gateway:Shutdown:Delay
          pipeline [case [threads]]  one request through Kestrel and the gateway without sockets, on one thread or on several at once: time and
                               managed memory over a bare endpoint's
          batching [rounds]    automatic batching against none: models that gain much, little, nothing; 64, 16, 1 connections (needs wrk)
          starve [rounds]      p99 of /health/live and a tiny model beside a model at full use whose run takes 500, 35, 5 ms (needs wrk)
          session-start [rounds] large models with and without a kept graph: time of a session
          many-models [count]  1,000 models of 1 MB that are loaded on demand: time to ready, threads, memory; then more than the budget holds
          refusals [rounds]    processor time of a request that a full queue refuses, beside bare Kestrel's (needs wrk)
          micro [name]         one part of a request's way at a time, by BenchmarkDotNet: batcher, join, key, pool, reader, tracing, writer
          numbers [millions]   not a measurement: that many literals read and floats written as .NET does, bit for bit (10: a minute)
          cache-policy         the memory of predictions against plain LRU: hit ratios, time of a read with one and two threads
        """);
    return 1;
}
