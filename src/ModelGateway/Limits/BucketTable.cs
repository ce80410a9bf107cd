using System.Collections.Concurrent;
using System.Globalization;
using ModelGateway.Auth;

namespace ModelGateway.Limits;

/// <summary>The buckets of one kind, by the name of whom they limit. Bounded: full ones are dropped, for a new one is the same.</summary>
/// <remarks>
/// Readers take no lock. Where more are in use than there may be, the fuller half is dropped: it is given least by that. Names that no rule
/// limits have no bucket.
/// </remarks>
internal sealed class BucketTable
{
    /// <summary>Buckets at most; some hundred bytes each.</summary>
    public const int Capacity = 10_000;

    private readonly ConcurrentDictionary<string, LimitedName> _buckets = new(StringComparer.Ordinal);
    private readonly List<Rule> _rules;
    private readonly TimeProvider _time;
    private int _isSweeping;

    /// <param name="kind">What the limit is called in headers; letters only.</param>
    /// <param name="rules">The rules; the first that fits a name counts.</param>
    /// <param name="time">The clock.</param>
    public BucketTable(string kind, IEnumerable<IRateRule> rules, TimeProvider time)
    {
        Kind = kind;
        _time = time;
        _rules = [.. rules.Select(rule => new Rule(kind, rule))];
    }

    public string Kind { get; }

    public int Count => _buckets.Count;

    /// <summary>The bucket of a name; null where it is not limited.</summary>
    public LimitedName? Find(string name)
    {
        if (_rules.Count == 0)
        {
            return null;
        }

        if (_buckets.TryGetValue(name, out LimitedName? found))
        {
            return found;
        }

        Rule? rule = _rules.FirstOrDefault(rule => rule.Patterns.Matches(name));
        if (rule?.Rate is not { } rate)
        {
            return null;
        }

        if (_buckets.Count >= Capacity)
        {
            Sweep();
        }

        return _buckets.GetOrAdd(name, static (_, made) => made, new LimitedName(new TokenBucket(rate, rule.Burst, _time), rule));
    }

    /// <summary>Drops what is full, and if that is too little the fuller half.</summary>
    public void Sweep()
    {
        // Whoever comes while another one sweeps goes on: the table is over its size by a few for that long.
        if (Interlocked.Exchange(ref _isSweeping, 1) == 1)
        {
            return;
        }

        try
        {
            foreach ((string name, LimitedName bucket) in _buckets)
            {
                if (bucket.Bucket.IsFull)
                {
                    _buckets.TryRemove(name, out _);
                }
            }

            if (_buckets.Count >= Capacity)
            {
                List<(string Name, double Tokens)> left = [.. _buckets.Select(pair => (pair.Key, pair.Value.Bucket.Tokens))];
                foreach ((string name, _) in left.OrderByDescending(bucket => bucket.Tokens).Take(left.Count / 2))
                {
                    _buckets.TryRemove(name, out _);
                }
            }
        }
        finally
        {
            Volatile.Write(ref _isSweeping, 0);
        }
    }

    /// <summary>A rule, read once.</summary>
    internal sealed class Rule
    {
        public Rule(string kind, IRateRule rule)
        {
            Patterns = new NamePatterns([rule.Name]);
            Rate = rule.Rate;
            Burst = rule.Burst ?? (int)Math.Max(1, Math.Ceiling(rule.Rate ?? 1));
            double window = Math.Ceiling(Burst / (rule.Rate ?? 1));
            Policy = string.Create(CultureInfo.InvariantCulture, $"\"{kind}\";q={Burst};w={window}");
        }

        public NamePatterns Patterns { get; }

        public double? Rate { get; }

        public int Burst { get; }

        /// <summary>As the header <c>RateLimit-Policy</c> has it: so many at once, which come again within the window in seconds.</summary>
        public string Policy { get; }
    }

    /// <summary>A bucket and the rule that it is of.</summary>
    internal sealed record LimitedName(TokenBucket Bucket, Rule Rule);
}
