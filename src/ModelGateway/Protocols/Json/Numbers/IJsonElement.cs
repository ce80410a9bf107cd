namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// How a type's elements are made of decimal digits; the compiler makes a loop of its own for each implementation. False stands for
/// all that these do not decide: out of range, a fraction for a whole number, a value that only more digits than a double has
/// can round. <see cref="JsonScalars"/> does.
/// </summary>
internal interface IJsonElement<T>
    where T : unmanaged
{
    /// <summary>Of less than 16 bytes, see <see cref="DecimalLayouts"/>.</summary>
    /// <param name="negative">0 or 1.</param>
    static abstract bool TryMake(ulong digits, int length, int point, uint negative, out T value);

    /// <summary>Of digits below 2^63 over 10^<paramref name="fraction"/>, which is 0 to 31.</summary>
    /// <param name="negative">0 or 1.</param>
    static abstract bool TryMakeLong(ulong digits, int fraction, uint negative, out T value);

    /// <summary>Of any number whose digits are exact.</summary>
    static abstract bool TryMake(in JsonDecimal number, out T value);
}
