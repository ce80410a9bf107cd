namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>The files of an artifact by their plain names, whether they lie there plain or encrypted.</summary>
/// <param name="artifact">The files.</param>
/// <param name="keys">The keys at hand.</param>
public sealed class ArtifactFiles(ModelArtifact artifact, EncryptionKeys keys)
{
    /// <summary>The largest text that is read, such as <c>labels.txt</c>; bytes.</summary>
    public const int LargestText = 16 << 20;

    // The longest header, and a tag for each of the smallest chunks: what a text gains by its encryption at most.
    private const int LargestOverhead = 1024 + ((LargestText >> EncryptedHeader.SmallestChunkLog) * EncryptedHeader.TagSize);

    /// <summary>Whether there is any encrypted file.</summary>
    public bool HasEncrypted => Directory.EnumerateFiles(artifact.Directory, "*" + EncryptedFile.Extension, SearchOption.AllDirectories).Any();

    /// <summary>Whether the file is there in its encrypted form.</summary>
    /// <exception cref="InvalidDataException">It is there in both forms, and nobody can say which is meant.</exception>
    public bool IsEncrypted(string name)
    {
        if (!ObjectKey.IsListed(name) || !File.Exists(PathOf(name + EncryptedFile.Extension)))
        {
            return false;
        }

        return !File.Exists(PathOf(name)) ? true : throw new InvalidDataException($"There are both '{name}' and '{name}{EncryptedFile.Extension}': remove the one that is not meant.");
    }

    /// <summary>Whether the file is there, in either form.</summary>
    /// <exception cref="InvalidDataException">It is there in both.</exception>
    public bool Exists(string name) => IsEncrypted(name) || File.Exists(PathOf(name));

    /// <summary>Reads a file whole, decrypting it where it is encrypted.</summary>
    /// <exception cref="InvalidDataException">It cannot be decrypted, is too large, or is encrypted while the model is not.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public SecretBytes Read(string name, CancellationToken cancellationToken)
    {
        if (IsEncrypted(name))
        {
            CheckGraph(name);
            using FileStream cipher = OpenRead(PathOf(name + EncryptedFile.Extension));
            return EncryptedFile.Decrypt(cipher, name, keys, cancellationToken);
        }

        using FileStream file = OpenRead(PathOf(name));
        if (file.Length > Array.MaxLength)
        {
            throw new InvalidDataException($"'{name}' is too large to be read into memory.");
        }

        var content = new SecretBytes((int)file.Length);
        file.ReadExactly(content.Array);
        return content;
    }

    /// <summary>The bytes of a text, plain or encrypted; null where there is no such file.</summary>
    /// <exception cref="InvalidDataException">It has more than <see cref="LargestText"/>, or cannot be decrypted.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public SecretBytes? ReadTextBytes(string name, CancellationToken cancellationToken)
    {
        if (!Exists(name))
        {
            return null;
        }

        // By the size on the disk, so that nothing is reserved for what is refused.
        bool isEncrypted = IsEncrypted(name);
        string stored = isEncrypted ? name + EncryptedFile.Extension : name;
        long size = new FileInfo(PathOf(stored)).Length;
        return size <= LargestText + (isEncrypted ? LargestOverhead : 0)
            ? Read(name, cancellationToken)
            : throw new InvalidDataException($"'{stored}' has {size} bytes, and a text can have {LargestText} at most.");
    }

    /// <summary>The text of a file, plain or encrypted; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It has more than <see cref="LargestText"/>, or cannot be decrypted.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string? ReadText(string name, CancellationToken cancellationToken)
    {
        using SecretBytes? content = ReadTextBytes(name, cancellationToken);
        if (content is null)
        {
            return null;
        }

        using var reader = new StreamReader(new MemoryStream(content.Array));
        return reader.ReadToEnd();
    }

    // Whoever may publish could else put a copy of somebody's encrypted weights beside a graph of his own that answers with them.
    private void CheckGraph(string name)
    {
        if (!IsEncrypted(ModelArtifact.ModelFileName))
        {
            throw new InvalidDataException($"'{name}' is encrypted and '{ModelArtifact.ModelFileName}' is not: encrypt the model too, or nothing of it.");
        }
    }

    private static FileStream OpenRead(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan);

    private string PathOf(string name) =>
        ObjectKey.IsListed(name) ? Path.Combine(artifact.Directory, name) : throw new ArgumentException($"'{name}' is not a file of a version.", nameof(name));
}
