namespace ModelGateway.TestKit.Caching;

/// <summary>Random numbers from 0 to <c>count - 1</c>, each n in proportion to (n + 1)^-exponent; the same for the same seed.</summary>
public sealed class ZipfNumbers
{
    private readonly double[] _cumulative;
    private readonly Random _random;

    public ZipfNumbers(int count, double exponent, int seed)
    {
        _cumulative = new double[count];
        _random = new Random(seed);
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            _cumulative[i] = sum += Math.Pow(i + 1, -exponent);
        }
    }

    public int Next()
    {
        int index = Array.BinarySearch(_cumulative, _random.NextDouble() * _cumulative[^1]);
        return index < 0 ? ~index : index;
    }
}
