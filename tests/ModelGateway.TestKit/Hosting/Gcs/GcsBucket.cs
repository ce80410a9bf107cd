using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>A bucket of <see cref="GcsServer"/>: its objects, in the order of the bytes of their names, and who may read them. Safe for any thread.</summary>
public sealed class GcsBucket
{
    private static long _lastGeneration = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000;
    private readonly SortedDictionary<string, GcsObject> _objects = new(Comparer<string>.Create(CompareBytes));
    private readonly ConcurrentQueue<string> _requests = new();

    internal GcsBucket(string name) => Name = name;

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Everybody may read, without credentials.</summary>
    public bool IsPublic { get; set; }

    /// <summary>Requests must name the project that pays.</summary>
    public bool RequesterPays { get; set; }

    /// <summary>Accounts that may read; null for every account.</summary>
    public IReadOnlySet<string>? Readers { get; set; }

    /// <summary>Runs before each request but uploads and deletions; true where it has answered itself.</summary>
    public Func<HttpContext, Task<bool>>? OnRequest { get; set; }

    /// <summary>Method and target of each request so far but uploads and deletions.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>Adds an object or replaces it, as an upload does.</summary>
    public GcsObject Put(string name, byte[] content, string? contentEncoding = null, bool isComposite = false)
    {
        var added = new GcsObject(name, content, Interlocked.Increment(ref _lastGeneration), DateTimeOffset.UtcNow, contentEncoding, isComposite);
        lock (_objects)
        {
            _objects[name] = added;
        }

        return added;
    }

    internal void Record(string request) => _requests.Enqueue(request);

    internal GcsObject? Find(string name)
    {
        lock (_objects)
        {
            return _objects.GetValueOrDefault(name);
        }
    }

    internal bool Remove(string name)
    {
        lock (_objects)
        {
            return _objects.Remove(name);
        }
    }

    /// <summary>One object more than asked for, where there are more.</summary>
    internal IReadOnlyList<GcsObject> Page(string prefix, string? after, int count)
    {
        lock (_objects)
        {
            return [.. _objects.Values.Where(item => item.Name.StartsWith(prefix, StringComparison.Ordinal) && (after is null || CompareBytes(item.Name, after) > 0)).Take(count + 1)];
        }
    }

    private static int CompareBytes(string left, string right) => Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right));
}
