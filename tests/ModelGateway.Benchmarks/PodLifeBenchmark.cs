using System.Globalization;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Benchmarks;

/// <summary>Whole lives of pods under load: no request may fail, and with a delay longer than the balancer's interval none has to be sent twice.</summary>
internal static class PodLifeBenchmark
{
    private const int ReportEvery = 10;

    public static async Task<int> RunAsync(string[] args)
    {
        int lives = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100;
        var delay = TimeSpan.FromMilliseconds(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3000);
        PodLivesResult result = await PodLives.RunAsync(lives, delay, so =>
        {
            if (so.Lives % ReportEvery == 0)
            {
                Print(so);
            }
        });
        Print(result);
        foreach (string failure in result.Failures.Take(5))
        {
            Console.WriteLine(failure);
        }

        return result.Failures.Count == 0 && result.Lives == lives ? 0 : 2;
    }

    private static void Print(PodLivesResult result) => Console.WriteLine(
        $"{result.Lives} lives: {result.Answered} answers, {result.AnsweredByPods} of them by the pods, {result.SentAgain} requests sent again, {result.Failures.Count} failed");
}
