using System.Buffers;
using System.Globalization;
using System.Text;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>The files of one optimized graph in a folder, and the note that says what they should be.</summary>
/// <remarks>
/// <code>
/// graph.onnx     the optimized graph, with its small tensors
/// weights.data   its large tensors, which ONNX Runtime maps; not there where none is large
/// check          text, one line each:
///                modelgateway graph (key)        see GraphKey: what it was made from, by what, for what
///                session (fingerprint)           see SessionFingerprint
///                graph.onnx (length) (CRC-32C)
///                weights.data (length) (CRC-32C)
///                end (CRC-32C of the lines before)
/// </code>
/// The note is written last, and believed only where writing it anew gives the same bytes.
/// </remarks>
internal static class KeptGraph
{
    public const string GraphFile = "graph.onnx";
    public const string WeightsFile = "weights.data";
    public const string CheckFile = "check";
    private const int BufferSize = 1 << 18;
    private const string SessionWord = "session ";

    /// <summary>In the order in which they are taken in.</summary>
    public static IReadOnlyList<string> Files { get; } = [CheckFile, GraphFile, WeightsFile];

    /// <summary>Writes the note.</summary>
    /// <exception cref="IOException">The graph is not there, or the disk is full.</exception>
    public static void Seal(string folder, string key, string fingerprint, CancellationToken cancellationToken) =>
        File.WriteAllText(Path.Combine(folder, CheckFile), Describe(folder, key, fingerprint, cancellationToken));

    /// <summary>The fingerprint of the session that the graph was saved from; null where anything of the files is not as it was sealed under this key.</summary>
    public static string? Check(string folder, string key, CancellationToken cancellationToken)
    {
        try
        {
            string note = File.ReadAllText(Path.Combine(folder, CheckFile));
            string? line = note.Split('\n').FirstOrDefault(line => line.StartsWith(SessionWord, StringComparison.Ordinal));
            return line is not null && note == Describe(folder, key, line[SessionWord.Length..], cancellationToken) ? line[SessionWord.Length..] : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What the files take up; bytes. 0 where they are not there.</summary>
    public static long SizeOf(string folder)
    {
        try
        {
            return new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process removes it just now.
            return 0;
        }
    }

    private static string Describe(string folder, string key, string fingerprint, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"modelgateway graph {key}\n{SessionWord}{fingerprint}\n");
        foreach (string name in Files.Skip(1))
        {
            (long length, uint checksum) = Read(Path.Combine(folder, name), mayBeMissing: name == WeightsFile, cancellationToken);
            text.Append(CultureInfo.InvariantCulture, $"{name} {length} {checksum:x8}\n");
        }

        var own = new PieceChecksum();
        own.Append(Encoding.UTF8.GetBytes(text.ToString()));
        return text.Append(CultureInfo.InvariantCulture, $"end {own.Value:x8}\n").ToString();
    }

    private static (long Length, uint Checksum) Read(string path, bool mayBeMissing, CancellationToken cancellationToken)
    {
        var checksum = new PieceChecksum();
        if (mayBeMissing && !File.Exists(path))
        {
            return (0, checksum.Value);
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, FileOptions.SequentialScan);
            long length = 0;
            while (file.Read(buffer) is > 0 and int read)
            {
                checksum.Append(buffer.AsSpan(0, read));
                length += read;
                cancellationToken.ThrowIfCancellationRequested();
            }

            return (length, checksum.Value);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
