using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.TestKit.Caching;

/// <summary>The plain cache that others are measured against: bounded in bytes, the least recently used leaves, one lock around all.</summary>
public sealed class LruCache<TKey, TValue>(long capacityBytes)
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _order = new();
    private long _bytes;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out LinkedListNode<Entry>? node))
            {
                value = default;
                return false;
            }

            _order.Remove(node);
            _order.AddLast(node);
            value = node.Value.Value;
            return true;
        }
    }

    public void Set(TKey key, TValue value, long weight)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out LinkedListNode<Entry>? before))
            {
                Remove(before);
            }

            if (weight > capacityBytes)
            {
                return;
            }

            while (_bytes + weight > capacityBytes)
            {
                Remove(_order.First!);
            }

            _entries[key] = _order.AddLast(new Entry(key, value, weight));
            _bytes += weight;
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _order.Remove(node);
        _entries.Remove(node.Value.Key);
        _bytes -= node.Value.Weight;
    }

    private sealed record Entry(TKey Key, TValue Value, long Weight);
}
