using System.Diagnostics;
using Xunit;

namespace ModelGateway.Cli.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--help", "manifest verify index keygen")]
    [InlineData("manifest --help", "--model --version --sign --encrypt --only --keep release.pem")]
    [InlineData("verify --help", "--key release.pub.pem")]
    [InlineData("index --help", "index.json last")]
    [InlineData("keygen --help", "ed25519 ecdsa aes Gateway:Signatures:Keys:0:PemFile")]
    public void Run_Help_Teaches(string arguments, string words)
    {
        CliRun run = CliRun.Of(arguments.Split(' '));

        Assert.Equal(0, run.Code);
        Assert.All(words.Split(' '), word => Assert.Contains(word, run.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("unheard-of")]
    [InlineData("manifest")]
    [InlineData("manifest a b")]
    [InlineData("manifest models/iris/1 --unheard-of")]
    [InlineData("manifest models/iris/1 --version one")]
    [InlineData("keygen rsa key.pem")]
    public void Run_WhatMakesNoSense_EndsWithTwo(string arguments)
    {
        CliRun run = CliRun.Of(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, run.Code);
        Assert.NotEmpty(run.Errors);
    }

    [Theory]
    [InlineData("manifest nowhere/1 --model m")]
    [InlineData("verify nowhere/1 --model m")]
    [InlineData("index nowhere")]
    public void Run_FolderThatIsNotThere_EndsWithOneAndNamesIt(string arguments)
    {
        CliRun run = CliRun.Of(arguments.Split(' '));

        Assert.Equal(1, run.Code);
        Assert.Contains("nowhere", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Process_AsItIsStarted_AnswersAndEndsWithItsCode()
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "modelgateway.dll"), "verify", "nowhere"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("modelgateway: There is no folder", errors, StringComparison.Ordinal);
    }
}
