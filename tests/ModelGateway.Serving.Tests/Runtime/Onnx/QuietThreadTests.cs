using ModelGateway.Serving.Runtime.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

public sealed class QuietThreadTests
{
    [Fact]
    public void Run_ACall_RunsItAtALowPriorityOfItsOwn()
    {
        string before = Niceness();

        string during = QuietThread.Run(Niceness);

        Assert.Equal("5", during);
        Assert.Equal(before, Niceness());
    }

    [Fact]
    public void Run_ACallThatThrows_ThrowsTheSame()
    {
        var expected = new InvalidOperationException("why");

        Assert.Same(expected, Assert.Throws<InvalidOperationException>(() => QuietThread.Run<int>(() => throw expected)));
    }

    // The 19th field of proc_pid_stat(5), the 17th after the name in its brackets.
    private static string Niceness()
    {
        string stat = File.ReadAllText("/proc/thread-self/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16];
    }
}
