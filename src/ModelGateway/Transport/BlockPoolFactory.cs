using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace ModelGateway.Transport;

/// <summary>Gives the server its pools, one for each of its queues of input and output.</summary>
internal sealed class BlockPoolFactory(TimeProvider time) : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BlockPool(time);
}
