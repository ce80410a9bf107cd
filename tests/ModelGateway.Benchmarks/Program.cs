using ModelGateway.Benchmarks;
using ModelGateway.Benchmarks.Micro;

// Each command measures one bar of docs/benchmarks.md and prints what it saw; nothing here is part of CI.
return args switch
{
    ["floor-server", string address, string answerFile] => await FloorServer.RunAsync(address, answerFile),
    ["floor", ..] => await FloorBenchmark.RunAsync(args[1..]),
    ["swaps", ..] => await SwapBenchmark.RunAsync(args[1..]),
    ["soak", ..] => await SoakBenchmark.RunAsync(args[1..]),
    ["cache", ..] => await CacheBenchmark.RunAsync(args[1..]),
    ["fetch", ..] => await FetchBenchmark.RunAsync(args[1..]),
    ["fetch-child", string kind, string endpoint] => await FetchBenchmark.RunChildAsync(kind, endpoint),
    ["publish", ..] => await PublishBenchmark.RunAsync(args[1..]),
    ["start", ..] => await StartBenchmark.RunAsync(),
    ["pipeline", ..] => await PipelineBenchmark.RunAsync(args[1..]),
    ["micro", ..] => MicroBenchmarks.Run(args[1..]),
    ["cache-policy"] => CachePolicyBenchmark.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.WriteLine("""
        dotnet run -c Release --project tests/ModelGateway.Benchmarks -- COMMAND
          floor [rounds]       tiny models, JSON, 16 connections, against a bare Kestrel endpoint with the same bodies (needs wrk)
          swaps [count]        new versions of a model under constant load: failed requests, sessions left
          soak [requests]      varying shapes for a million requests: resident memory along the way (needs wrk)
          cache [case [rounds]] the prediction cache: hits against bare Kestrel, misses, batches, a store that fails (needs wrk, redis-server);
                               cases: hits, large, redis, misses, equal, faults, rows
          fetch [rounds [MiB]] a large model from S3 against the SDK's own ranges: speed, memory (needs what tests/run.sh installs)
          publish [rounds]     from the upload of a new version to S3 until its first answer (needs what tests/run.sh installs)
          start                from process start to the first right answer; 100 models of 1 MB: time to ready, threads
          pipeline [case]      one request through Kestrel and the gateway without sockets: time and managed memory over a bare endpoint's
          micro [name]         one part of a request's way at a time, by BenchmarkDotNet: key, pool
          cache-policy         the memory of predictions against plain LRU: hit ratios, time of a read with one and two threads
        """);
    return 1;
}
