using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Caching;

/// <summary>Two gateways over one Memcached.</summary>
public sealed class MemcachedFixture : StoreFixture
{
    private MemcachedServer? _server;

    public override string StoreName => "memcached";

    public override string PrefixSetting => "Cache__Memcached__KeyPrefix";

    protected override (string Key, string Value)[] Settings => [("Cache__Memcached__Servers", _server!.Address)];

    public override async Task<IReadOnlyList<StoredItem>> ReadAllAsync()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server!.Port);
        await using NetworkStream stream = client.GetStream();
        List<(string Key, bool Expires)> listed = [];
        await stream.WriteAsync("lru_crawler metadump all\r\n"u8.ToArray());
        for (string line = await ReadLineAsync(stream); line != "END"; line = await ReadLineAsync(stream))
        {
            // key=modelgateway%3A1%3Av%3A... exp=1700000000 la=... ; a line that begins otherwise says that the crawler is at work.
            string[] fields = line.Split(' ');
            if (!line.StartsWith("key=", StringComparison.Ordinal))
            {
                throw new InvalidDataException(line);
            }

            listed.Add((Uri.UnescapeDataString(fields[0]["key=".Length..]), fields[1] != "exp=-1"));
        }

        List<StoredItem> items = [];
        foreach ((string key, bool expires) in listed)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"mg {key} v\r\n"));
            string[] header = (await ReadLineAsync(stream)).Split(' ');
            if (header[0] == "VA")
            {
                byte[] value = new byte[int.Parse(header[1], CultureInfo.InvariantCulture)];
                await stream.ReadExactlyAsync(value);
                await ReadLineAsync(stream);
                items.Add(new StoredItem(key, value, expires));
            }
        }

        return items;
    }

    protected override async Task StartServerAsync() => _server = await MemcachedServer.StartAsync();

    protected override ValueTask StopServerAsync() => _server?.DisposeAsync() ?? default;

    private static async Task<string> ReadLineAsync(NetworkStream stream)
    {
        List<byte> line = [];
        byte[] next = new byte[1];
        do
        {
            await stream.ReadExactlyAsync(next);
            line.Add(next[0]);
        }
        while (next[0] != '\n');
        return Encoding.ASCII.GetString([.. line]).TrimEnd('\r', '\n');
    }
}
