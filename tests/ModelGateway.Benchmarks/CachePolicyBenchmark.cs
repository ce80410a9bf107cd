using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Caching;

namespace ModelGateway.Benchmarks;

/// <summary>The memory of predictions against plain LRU: hit ratios on the workloads of its tests, and what a hit costs.</summary>
internal static class CachePolicyBenchmark
{
    private const int Entries = 10_000;

    // Short slices, and many: on a machine that does something else too, some of them are left alone.
    private const int Reads = 10_000;
    private const int Rounds = 1_000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    // Implemented by structs, so that each reader has a loop of its own: with delegates in one loop the compiler favours the one it met first.
    private interface IReader
    {
        string Name { get; }

        bool Read(PredictionKey key);
    }

    public static int Run()
    {
        foreach (CacheWorkload workload in CacheWorkload.All())
        {
            var cache = new WeightedLfuCache<int, int>(workload.CapacityBytes, seed: 1);
            double ratio = workload.HitRatio(key => cache.TryGet(key, out _), (key, weight) => cache.Set(key, key, weight));
            Print($"{workload.Name,-25} hits: LRU {workload.LruHitRatio():P1}, W-TinyLFU {ratio:P1}");
        }

        MeasureReads();
        MeasureMemory();
        return 0;
    }

    private static void MeasureReads()
    {
        PredictionKey[] keys = Keys(Entries);
        var zipf = new ZipfNumbers(Entries, 0.9, seed: 1);
        PredictionKey[] order = [.. Enumerable.Range(0, 1 << 18).Select(_ => keys[zipf.Next()])];
        var lfu = new WeightedLfuCache<PredictionKey, object>(Entries * 2);
        var lru = new LruCache<PredictionKey, object>(Entries * 2);
        var dictionary = new ConcurrentDictionary<PredictionKey, object>();
        foreach (PredictionKey key in keys)
        {
            lfu.Set(key, key, 1);
            lru.Set(key, key, 1);
            dictionary[key] = key;
        }

        Func<int, (string, double, long)>[] slices =
        [
            threads => Time(new DictionaryReader(dictionary), order, threads),
            threads => Time(new LfuReader(lfu), order, threads),
            threads => Time(new LruReader(lru), order, threads),
        ];

        // The compiler optimizes in the background what has been called for a while.
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < WarmUp;)
        {
            Array.ForEach(slices, slice => slice(1));
        }

        foreach (int threads in (int[])[1, 2])
        {
            // In turn, so that what else happens on the machine meets all of them.
            (string Name, double Nanoseconds, long Allocated)[] measured =
                [.. Enumerable.Range(0, Rounds * slices.Length).Select(i => slices[i % slices.Length](threads))];
            foreach (var reader in measured.GroupBy(slice => slice.Name))
            {
                double[] times = [.. reader.Select(slice => slice.Nanoseconds).Order()];
                long allocated = reader.Sum(slice => slice.Allocated);
                Print($"{threads} thread(s), {reader.Key,-20} {times[Rounds / 2]:0.0} ns a read (fastest tenth of the slices: under {times[Rounds / 10]:0.0}), {allocated} bytes allocated");
            }
        }
    }

    private static (string Name, double Nanoseconds, long Allocated) Time<TReader>(TReader reader, PredictionKey[] order, int threads)
        where TReader : struct, IReader
    {
        using var start = new Barrier(threads);
        var nanoseconds = new double[threads];
        var allocated = new long[threads];
        Thread[] readers = [.. Enumerable.Range(0, threads).Select(thread => new Thread(() =>
        {
            int first = Random.Shared.Next(order.Length);
            start.SignalAndWait();
            long before = GC.GetAllocatedBytesForCurrentThread();
            long began = Stopwatch.GetTimestamp();
            ReadSlice(reader, order, first);
            nanoseconds[thread] = Stopwatch.GetElapsedTime(began).TotalNanoseconds / Reads;
            allocated[thread] = GC.GetAllocatedBytesForCurrentThread() - before;
        }))];
        Array.ForEach(readers, thread => thread.Start());
        Array.ForEach(readers, thread => thread.Join());
        return (reader.Name, nanoseconds.Average(), allocated.Sum());
    }

    private static void ReadSlice<TReader>(TReader reader, PredictionKey[] order, int first)
        where TReader : struct, IReader
    {
        int found = 0;
        for (int i = 0; i < Reads; i++)
        {
            found += reader.Read(order[(first + i) & (order.Length - 1)]) ? 1 : 0;
        }

        if (found != Reads)
        {
            throw new InvalidOperationException($"{reader.Name} lost an entry.");
        }
    }

    private static void MeasureMemory()
    {
        const int Count = 200_000;
        PredictionKey[] keys = Keys(Count);
        var value = new object();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var cache = new WeightedLfuCache<PredictionKey, object>(Count * 2);
        foreach (PredictionKey key in keys)
        {
            cache.Set(key, value, 1);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        Print($"memory of the cache itself: {(after - before) / cache.Count} bytes an entry");
    }

    private static PredictionKey[] Keys(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new PredictionKey(SHA256.HashData(MemoryMarshal.AsBytes([i]))))];

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private readonly struct DictionaryReader(ConcurrentDictionary<PredictionKey, object> dictionary) : IReader
    {
        public string Name => "ConcurrentDictionary";

        public bool Read(PredictionKey key) => dictionary.TryGetValue(key, out _);
    }

    private readonly struct LfuReader(WeightedLfuCache<PredictionKey, object> cache) : IReader
    {
        public string Name => "W-TinyLFU";

        public bool Read(PredictionKey key) => cache.TryGet(key, out _);
    }

    private readonly struct LruReader(LruCache<PredictionKey, object> cache) : IReader
    {
        public string Name => "LRU";

        public bool Read(PredictionKey key) => cache.TryGet(key, out _);
    }
}
