using System.Buffers;

namespace ModelGateway.Caching.Memcached;

/// <summary>An answer; whoever gets it disposes the value.</summary>
/// <param name="Code">What it says.</param>
/// <param name="Value">The item's bytes, where it has <see cref="AnswerCodes.Value"/> and the value is not over the limit.</param>
/// <param name="Cas">The item's mark, where it was asked for.</param>
internal readonly record struct MemcachedAnswer(AnswerCodes Code, IMemoryOwner<byte>? Value, ulong Cas);
