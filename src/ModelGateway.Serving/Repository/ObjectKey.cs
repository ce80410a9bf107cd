using System.Text;

namespace ModelGateway.Serving.Repository;

/// <summary>Which names of objects the repository takes in: what a bucket holds was named by others, and becomes files here.</summary>
public static class ObjectKey
{
    /// <summary>A longer key is passed over; characters. The longest that the large stores allow.</summary>
    public const int LongestKey = 1024;

    // What a file system allows a single name at most; bytes of UTF-8. A longer one would be fetched again and again to no end.
    private const int LongestPart = 255;

    /// <summary>
    /// Whether it is a plain relative path: no empty part, no <c>.</c> or <c>..</c>, no backslash, colon or control character, nothing hidden
    /// (a part that starts with a dot). Everything else is as if it were not there.
    /// </summary>
    public static bool IsListed(string key)
    {
        if (key.Length is 0 or > LongestKey)
        {
            return false;
        }

        int start = 0;
        for (int i = 0; i <= key.Length; i++)
        {
            if (i == key.Length || key[i] == '/')
            {
                if (i == start || key[start] == '.' || Encoding.UTF8.GetByteCount(key.AsSpan(start, i - start)) > LongestPart)
                {
                    return false;
                }

                start = i + 1;
            }
            else if (key[i] is '\\' or ':' || char.IsControl(key[i]))
            {
                return false;
            }
        }

        return true;
    }
}
