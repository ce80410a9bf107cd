using System.Runtime.CompilerServices;
using System.Text;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Follows the arrays of one value and learns its shape: the first array of each depth sets the dimension, every later one must
/// be as long, and all elements must stand equally deep. A mutable struct: keep it in a field, never copy it.
/// </summary>
internal struct NestedShape
{
    private const int UsualRank = 4;
    private const int Unknown = -1;

    // What this thread read last: mostly the same again, and nobody changes the dimensions of a tensor.
    [ThreadStatic]
    private static long[]? _last;

    private UsualLevels _levels;
    private Level[]? _deeper;
    private int _rank;

    public NestedShape() => _rank = Unknown;

    /// <summary>Arrays open at the moment.</summary>
    public int Depth { get; private set; }

    /// <summary>An array begins. False where the elements before stand less deep.</summary>
    public bool TryOpen()
    {
        if (Depth == _rank)
        {
            return false;
        }

        if (Depth >= UsualRank + (_deeper?.Length ?? 0))
        {
            Array.Resize(ref _deeper, Depth);
        }

        At(ref this, Depth++).Count = 0;
        return true;
    }

    /// <summary>An element stands here. False where the elements before stand deeper.</summary>
    public bool TryElement()
    {
        _rank = _rank == Unknown ? Depth : _rank;
        return _rank == Depth;
    }

    /// <summary>The element is done with: what comes next has the next position.</summary>
    public void CountElement() => CountElements(1);

    /// <summary>So many elements are done with.</summary>
    public void CountElements(int count)
    {
        if (Depth > 0)
        {
            At(ref this, Depth - 1).Count += count;
        }
    }

    /// <summary>A place to return to, as long as no array that is open here is closed.</summary>
    public readonly (int Depth, int Rank) Mark() => (Depth, _rank);

    /// <summary>Forgets what came after the mark.</summary>
    public void ReturnTo((int Depth, int Rank) mark)
    {
        (Depth, _rank) = mark;

        // Arrays deeper than this one were closed before only where the rank was known, and are then as long as those.
        int levels = UsualRank + (_deeper?.Length ?? 0);
        for (int i = mark.Rank == Unknown ? Depth : levels; i < levels; i++)
        {
            At(ref this, i).IsKnown = false;
        }
    }

    /// <summary>The innermost open array ends. False where its length is not that of the arrays before.</summary>
    public bool TryClose(out int length, out int expected)
    {
        // Nothing was deeper, so the elements that are not there would stand here.
        _rank = _rank == Unknown ? Depth : _rank;
        ref Level level = ref At(ref this, --Depth);
        length = level.Count;
        expected = level.IsKnown ? level.Dimension : length;
        level.Dimension = expected;
        level.IsKnown = true;
        if (length != expected)
        {
            return false;
        }

        CountElement();
        return true;
    }

    /// <summary>For people, the place of the next element: <c>[0][3]</c>; empty for the value itself.</summary>
    public readonly string Position()
    {
        var text = new StringBuilder();
        for (int i = 0; i < Depth; i++)
        {
            text.Append('[').Append(At(i).Count).Append(']');
        }

        return text.ToString();
    }

    /// <summary>The dimensions of a value that was read to its end.</summary>
    public readonly long[] ToDimensions()
    {
        if (_last is { } last && IsLike(last))
        {
            return last;
        }

        long[] dimensions = _rank == 0 ? [] : new long[_rank];
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = At(i).Dimension;
        }

        return _last = dimensions;
    }

    private readonly bool IsLike(long[] dimensions)
    {
        bool isLike = dimensions.Length == _rank;
        for (int i = 0; isLike && i < dimensions.Length; i++)
        {
            isLike = dimensions[i] == At(i).Dimension;
        }

        return isLike;
    }

    private static ref Level At(ref NestedShape shape, int depth) => ref depth < UsualRank ? ref shape._levels[depth] : ref shape._deeper![depth - UsualRank];

    private readonly Level At(int depth) => depth < UsualRank ? _levels[depth] : _deeper![depth - UsualRank];

    [InlineArray(UsualRank)]
    private struct UsualLevels
    {
        private Level _first;
    }

    private struct Level
    {
        public int Count;
        public int Dimension;
        public bool IsKnown;
    }
}
