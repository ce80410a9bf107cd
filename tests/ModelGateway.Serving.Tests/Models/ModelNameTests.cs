using System.Text.RegularExpressions;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class ModelNameTests
{
    public static TheoryData<string, bool> Names => new()
    {
        { "iris", true },
        { "7", true },
        { "A.b_c-9", true },
        { "resnet50-v1.7", true },
        { new string('a', 128), true },
        { new string('a', 129), false },
        { "", false },
        { ".", false },
        { "..", false },
        { ".hidden", false },
        { "-flag", false },
        { "_private", false },
        { "a/b", false },
        { "a\\b", false },
        { "../iris", false },
        { "a b", false },
        { " iris", false },
        { "iris ", false },
        { "iris\n", false },
        { "iris\0", false },
        { "a%2fb", false },
        { "a:predict", false },
        { "naïve", false },
        { "模型", false },
        { "١", false },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void IsValid_Name_KeepsTheRule(string name, bool isValid) => Assert.Equal(isValid, ModelName.IsValid(name));

    // Schemas and messages show the pattern, JavaScript reads it: there $ is the very end, as \z is here.
    [Theory]
    [MemberData(nameof(Names))]
    public void Pattern_AsOthersReadIt_SaysTheSame(string name, bool isValid) =>
        Assert.Equal(isValid, Regex.IsMatch(name, ModelName.Pattern.Replace("$", "\\z", StringComparison.Ordinal)));
}
