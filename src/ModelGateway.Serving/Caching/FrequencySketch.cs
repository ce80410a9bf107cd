using System.Numerics;
using System.Runtime.CompilerServices;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// How often keys were asked for lately, up to 15 times, in about 8 bytes for each entry of the cache: a count-min sketch that forgets.
/// An estimate may be too high (keys share counters), and is too low only by what was forgotten.
/// </summary>
/// <remarks>
/// Not safe for several threads. After ten additions for each entry all counters are halved, so what is no longer asked for loses its place.
/// <code>
/// table   block 0 | block 1 | ...                   2^n blocks of 64 bytes: a key touches one block, picked by the low half of its mixed hash
/// block   row 0: 2 words | row 1 | row 2 | row 3    in each row one counter, picked by 5 bits each of the high half
/// word    16 counters of 4 bits
/// </code>
/// </remarks>
internal sealed class FrequencySketch
{
    /// <summary>Where a counter stops.</summary>
    public const int MaxFrequency = 15;

    private const int BlockWords = 8;
    private const int Rows = 4;
    private const int AdditionsPerEntry = 10;
    private const ulong LowestBits = 0x1111_1111_1111_1111;
    private const ulong HalvedBits = 0x7777_7777_7777_7777;

    private readonly ulong _seed;
    private ulong[] _words = [];
    private uint _blockMask;
    private long _additions;
    private long _period;

    /// <summary>An empty sketch. The seed keeps anyone from picking keys that share counters.</summary>
    public FrequencySketch(ulong seed)
    {
        _seed = seed;
        Clear();
    }

    /// <summary>Entries that it counts well for.</summary>
    public int Capacity => _words.Length;

    /// <summary>Fits it to the entries that there are. A larger table begins with what was counted in the smaller one.</summary>
    public void Fit(int entries)
    {
        while (_words.Length < entries && _words.Length < Array.MaxLength / 2)
        {
            // A key's block in the doubled table is the one it had, or the same in the second half: with both alike no count is lost.
            var words = new ulong[_words.Length * 2];
            _words.CopyTo(words, 0);
            _words.CopyTo(words, _words.Length);
            Resize(words);
        }

        // Where far fewer entries are left than the table is for, halving all of it that often would cost more than it is worth.
        _period = AdditionsPerEntry * (long)Math.Max(entries, _words.Length / 8);
    }

    /// <summary>Counts one request for a key, by its hash.</summary>
    public void Increment(int hash)
    {
        // Without branches on what a counter holds: which are full is hard to foresee.
        ulong mixed = Mix(hash);
        Span<ulong> block = Block(mixed);
        uint picks = (uint)(mixed >> 32);
        ulong counted = Count(ref block[(int)(picks & 1)], picks)
            | Count(ref block[2 + (int)(picks >> 5 & 1)], picks >> 5)
            | Count(ref block[4 + (int)(picks >> 10 & 1)], picks >> 10)
            | Count(ref block[6 + (int)(picks >> 15 & 1)], picks >> 15);
        _additions += (long)counted;
        if (_additions >= _period)
        {
            Halve();
        }
    }

    /// <summary>About how often a key was asked for, from 0 to <see cref="MaxFrequency"/>.</summary>
    public int Estimate(int hash)
    {
        ulong mixed = Mix(hash);
        Span<ulong> block = Block(mixed);
        uint picks = (uint)(mixed >> 32);
        int least = MaxFrequency;
        for (int row = 0; row < Rows; row++, picks >>= 5)
        {
            ulong word = block[(row * 2) + (int)(picks & 1)];
            least = Math.Min(least, (int)(word >> ((int)(picks >> 1 & 15) * 4)) & MaxFrequency);
        }

        return least;
    }

    /// <summary>Forgets everything and is small again.</summary>
    public void Clear()
    {
        Resize(new ulong[BlockWords * 8]);
        _additions = 0;
        Fit(0);
    }

    // Adds one, or nothing when the counter is full; returns what was added.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Count(ref ulong word, uint pick)
    {
        int shift = (int)(pick >> 1 & 15) * 4;
        ulong added = (word >> shift & MaxFrequency) == MaxFrequency ? 0UL : 1UL;
        word += added << shift;
        return added;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Span<ulong> Block(ulong mixed) => _words.AsSpan((int)((uint)mixed & _blockMask) * BlockWords, BlockWords);

    private void Resize(ulong[] words)
    {
        _words = words;
        _blockMask = (uint)(words.Length / BlockWords) - 1;
    }

    private void Halve()
    {
        long odd = 0;
        foreach (ref ulong word in _words.AsSpan())
        {
            odd += BitOperations.PopCount(word & LowestBits);
            word = word >> 1 & HalvedBits;
        }

        // An odd counter loses its half; an addition went to four counters.
        _additions = Math.Max(0, (_additions - (odd / Rows)) / 2);
    }

    // The finishing steps of MurmurHash3 for 64 bits: the hashes of keys may be as plain as numbers in a row.
    private ulong Mix(int hash)
    {
        ulong mixed = (uint)hash ^ _seed;
        mixed = (mixed ^ mixed >> 33) * 0xff51_afd7_ed55_8ccd;
        mixed = (mixed ^ mixed >> 33) * 0xc4ce_b9fe_1a85_ec53;
        return mixed ^ mixed >> 33;
    }
}
