using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.Tests.Caching;

/// <summary>A connection that sees and changes what is in Memcached behind the gateways' back. Not safe for several threads at once.</summary>
internal sealed class MemcachedClient : IAsyncDisposable
{
    // Longer than any test; what is written by hand goes by itself all the same.
    private const int LifetimeSeconds = 3600;
    private readonly TcpClient _client;
    private readonly BufferedStream _stream;

    private MemcachedClient(TcpClient client) => (_client, _stream) = (client, new BufferedStream(client.GetStream(), 1 << 16));

    public static async Task<MemcachedClient> ConnectAsync(int port)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        return new MemcachedClient(client);
    }

    /// <summary>All that is there; what goes meanwhile may be missing.</summary>
    public async Task<IReadOnlyList<StoredItem>> ReadAllAsync()
    {
        List<StoredItem> items = [];
        foreach ((string key, bool expires) in await ListAsync())
        {
            if (await ReadAsync(key) is { } value)
            {
                items.Add(new StoredItem(key, value, expires));
            }
        }

        return items;
    }

    /// <summary>A value; null where there is none.</summary>
    public async Task<byte[]?> ReadAsync(string key)
    {
        await SendAsync($"mg {key} v\r\n");
        string[] header = (await ReadLineAsync()).Split(' ');
        if (header[0] != "VA")
        {
            return null;
        }

        byte[] value = new byte[int.Parse(header[1], CultureInfo.InvariantCulture)];
        await _stream.ReadExactlyAsync(value);
        await ReadLineAsync();
        return value;
    }

    /// <summary>Puts a value in place of what is there; false where the server has no room.</summary>
    public async Task<bool> WriteAsync(string key, byte[] value)
    {
        await _stream.WriteAsync(Encoding.ASCII.GetBytes($"ms {key} {value.Length} T{LifetimeSeconds}\r\n"));
        await _stream.WriteAsync(value);
        await SendAsync("\r\n");
        string answer = await ReadLineAsync();
        return answer == "HD" || (answer.StartsWith("SERVER_ERROR out of memory", StringComparison.Ordinal) ? false : throw new InvalidDataException(answer));
    }

    /// <summary>Any of the predictions.</summary>
    public async Task<StoredItem> ReadPredictionAsync() => (await ReadAllAsync()).First(item => item.IsPrediction);

    /// <summary>Puts an item under a name that nobody asks for, where it takes the room of another like it; false where there is none.</summary>
    /// <param name="item">What is copied.</param>
    /// <param name="number">Makes the name.</param>
    public Task<bool> CopyAsync(StoredItem item, int number) => WriteAsync(NameOfCopy(item, number), item.Value);

    /// <summary>Drops what <see cref="CopyAsync"/> made.</summary>
    public async Task DeleteCopyAsync(StoredItem item, int number)
    {
        await SendAsync($"md {NameOfCopy(item, number)}\r\n");
        await ReadLineAsync();
    }

    /// <summary>One of the server's counters.</summary>
    public async Task<long> StatisticAsync(string name)
    {
        await SendAsync("stats\r\n");
        long? found = null;
        for (string line = await ReadLineAsync(); line != "END"; line = await ReadLineAsync())
        {
            // STAT evictions 12
            string[] fields = line.Split(' ');
            found = fields[1] == name ? long.Parse(fields[2], CultureInfo.InvariantCulture) : found;
        }

        return found ?? throw new InvalidDataException($"There is no {name}.");
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
    }

    // As long as the item's own: the server sorts items by their size with the key.
    private static string NameOfCopy(StoredItem item, int number) => number.ToString(CultureInfo.InvariantCulture).PadLeft(item.Key.Length, '-');

    private async Task<List<(string Key, bool Expires)>> ListAsync()
    {
        List<(string Key, bool Expires)> listed = [];
        await SendAsync("lru_crawler metadump all\r\n");
        for (string line = await ReadLineAsync(); line != "END"; line = await ReadLineAsync())
        {
            // key=modelgateway%3A1%3Av%3A... exp=1700000000 la=...
            string[] fields = line.Split(' ');
            if (line.StartsWith("BUSY", StringComparison.Ordinal))
            {
                // The crawler is at work by itself, for a moment.
                await SendAsync("lru_crawler metadump all\r\n");
            }
            else if (line.StartsWith("key=", StringComparison.Ordinal))
            {
                listed.Add((Uri.UnescapeDataString(fields[0]["key=".Length..]), fields[1] != "exp=-1"));
            }
            else
            {
                throw new InvalidDataException(line);
            }
        }

        return listed;
    }

    private async Task SendAsync(string text)
    {
        await _stream.WriteAsync(Encoding.ASCII.GetBytes(text));
        await _stream.FlushAsync();
    }

    private async Task<string> ReadLineAsync()
    {
        List<byte> line = [];
        byte[] next = new byte[1];
        do
        {
            await _stream.ReadExactlyAsync(next);
            line.Add(next[0]);
        }
        while (next[0] != '\n');
        return Encoding.ASCII.GetString([.. line]).TrimEnd('\r', '\n');
    }
}
