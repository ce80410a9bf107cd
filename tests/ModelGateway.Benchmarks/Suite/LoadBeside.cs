namespace ModelGateway.Benchmarks.Suite;

/// <summary>A load while the same server is busy with another one, which begins before it and ends after it.</summary>
/// <param name="name">For the table.</param>
/// <param name="measured">What is measured.</param>
/// <param name="other">What it is measured beside.</param>
internal sealed class LoadBeside(string name, HttpLoad measured, HttpLoad other) : Contender(name)
{
    private const double Ahead = 1;

    public override async Task<Sample> MeasureAsync(double seconds)
    {
        Task<Sample> busy = other.MeasureAsync(Math.Ceiling(seconds) + (2 * Ahead));
        await Task.Delay(TimeSpan.FromSeconds(Ahead));
        Sample sample = await measured.MeasureAsync(seconds);
        long failures = sample.Failures + (await busy).Failures;

        // The processor time is that of both.
        return sample with { CpuMicroseconds = double.NaN, Failures = failures };
    }

    public override Task<float[]?> AnswerAsync() => measured.AnswerAsync();
}
