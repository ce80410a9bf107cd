using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using ModelGateway.Storage.Http;

namespace ModelGateway.Caching.Memcached;

/// <summary>Opens connections that are fit for requests: over TLS and authenticated where the settings say so, and answered once.</summary>
internal sealed class MemcachedDialer(MemcachedCacheOptions options)
{
    private const int LongestAnswer = 512;

    // A server that is stopped takes connections all the same: its kernel does.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Asks for an item that may be there or not.
    private readonly byte[] _greeting = Encoding.ASCII.GetBytes($"mg {options.KeyPrefix}:1:p:hello O1\r\n");

    /// <summary>A new connection.</summary>
    /// <exception cref="Exception">Whatever sockets, files and TLS throw; the message holds no secret.</exception>
    public async Task<Stream> ConnectAsync(MemcachedAddress address, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            await socket.ConnectAsync(new DnsEndPoint(address.Host, address.Port), patience.Token);
            var plain = new NetworkStream(socket, ownsSocket: true);
            Stream stream = options.Tls ? await SecureAsync(plain, address.Host, patience.Token) : plain;
            await GreetAsync(stream, patience.Token);
            return stream;
        }
        catch (Exception exception)
        {
            socket.Dispose();
            throw exception is OperationCanceledException && !cancellationToken.IsCancellationRequested
                ? new TimeoutException($"it does not answer within {Patience.TotalSeconds} seconds")
                : exception;
        }
    }

    private async Task<Stream> SecureAsync(Stream stream, string host, CancellationToken cancellationToken)
    {
        SslClientAuthenticationOptions trust = string.IsNullOrEmpty(options.CertificateAuthorityFile)
            ? new SslClientAuthenticationOptions()
            : TrustedAuthorities.CreateSslOptions(options.CertificateAuthorityFile);
        trust.TargetHost = host.Trim('[', ']');
        var secure = new SslStream(stream);
        await secure.AuthenticateAsClientAsync(trust, cancellationToken);
        return secure;
    }

    // The password goes only to a server that asks for it: another one would take it for a value, and keep it.
    private async Task GreetAsync(Stream stream, CancellationToken cancellationToken)
    {
        string answer = await AskAsync(stream, _greeting, cancellationToken);
        if (answer == "CLIENT_ERROR unauthenticated" && !string.IsNullOrEmpty(options.Username))
        {
            await AuthenticateAsync(stream, cancellationToken);
            answer = await AskAsync(stream, _greeting, cancellationToken);
        }

        if (!(answer.StartsWith("EN", StringComparison.Ordinal) || answer.StartsWith("HD", StringComparison.Ordinal)))
        {
            throw new IOException(answer switch
            {
                "CLIENT_ERROR unauthenticated" => "it asks for a user: set Gateway:Cache:Memcached:Username and its password",
                "ERROR" => "it does not know the meta commands: it must be Memcached 1.6.18 or newer",
                _ => "its answer is none of Memcached's",
            });
        }
    }

    private async Task AuthenticateAsync(Stream stream, CancellationToken cancellationToken)
    {
        string password = string.IsNullOrEmpty(options.PasswordFile)
            ? options.Password ?? ""
            : (await File.ReadAllTextAsync(options.PasswordFile, cancellationToken)).TrimEnd('\r', '\n');
        byte[] secret = Encoding.UTF8.GetBytes($"{options.Username} {password}");
        byte[] command = [.. Encoding.ASCII.GetBytes($"set auth 0 0 {secret.Length}\r\n"), .. secret, .. "\r\n"u8];
        if (await AskAsync(stream, command, cancellationToken) != "STORED")
        {
            throw new IOException("it refuses Gateway:Cache:Memcached:Username or its password");
        }
    }

    private static async Task<string> AskAsync(Stream stream, byte[] command, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(command, cancellationToken);
        byte[] answer = new byte[LongestAnswer];
        int length = 0;
        do
        {
            int read = await stream.ReadAsync(answer.AsMemory(length), cancellationToken);
            length = read == 0 ? throw new EndOfStreamException("it closed the connection") : length + read;
        }
        while (answer[length - 1] != '\n' && length < answer.Length);
        return Encoding.ASCII.GetString(answer, 0, length).TrimEnd('\r', '\n');
    }
}
