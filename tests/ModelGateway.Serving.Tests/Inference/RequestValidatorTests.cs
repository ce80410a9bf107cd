using System.Globalization;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

public sealed class RequestValidatorTests : IDisposable
{
    private static readonly ModelSignature Signature = new(
        [
            new TensorSpec("image", TensorType.Fp32, [-1, 3, -1]) { DimensionNames = ["batch", "", ""] },
            new TensorSpec("text", TensorType.Bytes, [-1]),
            new TensorSpec("bias", TensorType.Fp32, []) { Optional = true },
            new TensorSpec("any", TensorType.Int64, null) { Optional = true },
            new TensorSpec("fixed", TensorType.Int64, [2]) { Optional = true },
        ],
        [Output("label"), Output("scores")]);

    private readonly PredictRequest _request = new();

    public void Dispose() => _request.Dispose();

    [Fact]
    public void Validate_RequestThatFits_FindsNothing()
    {
        Give("text", TensorType.Bytes, 2);
        Give("image", TensorType.Fp32, 2, 3, 0);
        _request.Outputs = ["scores", "label"];

        Assert.Empty(Faults());
    }

    [Fact]
    public void Validate_OptionalInputs_MayBeGivenAndAreChecked()
    {
        GiveRequired();
        Give("bias", TensorType.Fp32);
        Give("any", TensorType.Int64, 1, 0, 2);
        Assert.Empty(Faults());

        Give("fixed", TensorType.Int64, 3);
        RequestFault fault = Assert.Single(Faults());
        Assert.Equal(("fixed", "INT64 [2]", "INT64 [3]"), (fault.Target, fault.Expected, fault.Got));
    }

    [Fact]
    public void Validate_NothingGiven_NamesEveryMissingInput()
    {
        Assert.Equal(
            [
                "Input 'image' is missing; it expects FP32 [batch, 3, ?].",
                "Input 'text' is missing; it expects BYTES [?].",
            ],
            Faults().Select(fault => fault.Message));
    }

    [Fact]
    public void Validate_EverythingWrong_IsAllInOneList()
    {
        Give("image", TensorType.Fp64, 1, 3, 4);
        Give("txt", TensorType.Bytes, 1);
        Give("bias", TensorType.Fp32, 1);
        Give("bias", TensorType.Fp32);
        _request.Outputs = ["score", "label", "label"];

        IReadOnlyList<RequestFault> faults = Faults();

        Assert.Equal(
            [
                ("image", "Input 'image' expects FP32 [batch, 3, ?], but got FP64 [1, 3, 4]."),
                ("txt", "The model has no input 'txt'. Did you mean 'text'? Its inputs are 'image', 'text', 'bias', 'any', 'fixed'."),
                ("bias", "Input 'bias' expects FP32 [], but got FP32 [1]."),
                ("bias", "Input 'bias' is given more than once."),
                ("text", "Input 'text' is missing; it expects BYTES [?]."),
                ("score", "The model has no output 'score'. Did you mean 'scores'? Its outputs are 'label', 'scores'."),
                ("label", "Output 'label' is asked for more than once."),
            ],
            faults.Select(fault => (fault.Target, fault.Message)));
        Assert.Equal(("FP32 [batch, 3, ?]", "FP64 [1, 3, 4]"), (faults[0].Expected, faults[0].Got));
        Assert.Equal("nothing", faults[4].Got);
    }

    [Theory]
    [InlineData(new long[] { 1, 3 })]
    [InlineData(new long[] { 1, 2, 4 })]
    [InlineData(new long[] { 1, 3, 4, 1 })]
    [InlineData(new long[] { })]
    public void Validate_WrongShape_IsAFault(long[] shape)
    {
        Give("text", TensorType.Bytes, 1);
        Give("image", TensorType.Fp32, shape);

        Assert.Equal($"FP32 {TensorShape.Format(shape)}", Assert.Single(Faults()).Got);
    }

    [Fact]
    public void Validate_InputReportedByTheReader_IsNotReportedAgain()
    {
        Give("image", TensorType.Fp64, 1);

        Assert.Empty(Faults(faulty: new HashSet<string> { "image", "text" }));
    }

    [Fact]
    public void Validate_ModelWithoutInputs_SaysSo()
    {
        Give("x", TensorType.Fp32, 1);
        var faults = new FaultList();

        RequestValidator.Validate(new ModelSignature([], [Output("y")]), new ModelLimits(), _request, faults);

        Assert.Equal("The model has no inputs, but 'x' was given.", Assert.Single(faults.Faults).Message);
    }

    [Fact]
    public void Validate_NamesDifferByCase_AreDifferent()
    {
        GiveRequired();
        Give("BIAS", TensorType.Fp32);

        Assert.Contains("Did you mean 'bias'?", Assert.Single(Faults()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, null, 0)]
    [InlineData(4, 4, 0)]
    [InlineData(5, 4, 2)]
    [InlineData(0, 1, 0)]
    public void Validate_RowsOverTheLimit_AreAFaultOfEachInput(long rows, int? limit, int faults)
    {
        Give("image", TensorType.Fp32, rows, 3, 1);
        Give("text", TensorType.Bytes, rows);

        IReadOnlyList<RequestFault> found = Faults(new ModelLimits { MaxBatchSize = limit });

        Assert.Equal(faults, found.Count);
        Assert.All(found, fault =>
        {
            Assert.Contains("4", fault.Expected, StringComparison.Ordinal);
            Assert.Contains("5", fault.Got, StringComparison.Ordinal);
            Assert.Contains($"'{fault.Target}'", fault.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Validate_RowsOfInputsWithoutFreeLeadingDimension_AreNotLimited()
    {
        GiveRequired();
        Give("bias", TensorType.Fp32);
        Give("fixed", TensorType.Int64, 2);
        Assert.Empty(Faults(new ModelLimits { MaxBatchSize = 1 }));

        Give("any", TensorType.Int64, 2, 1);
        Assert.Equal("any", Assert.Single(Faults(new ModelLimits { MaxBatchSize = 1 })).Target);
    }

    [Fact]
    public void Validate_HostileNumberOfInputs_CountsThemWithoutMuchWork()
    {
        // Half of them unknown, half the same known one: each of these sentences would cost a comparison with every other input.
        for (int i = 0; i < 100_000; i++)
        {
            Give(i.ToString(CultureInfo.InvariantCulture), TensorType.Bytes, 0);
        }

        for (int i = 0; i < 100_000; i++)
        {
            Give("text", TensorType.Bytes, 0);
        }

        _request.Outputs = [.. Enumerable.Range(0, 100_000).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        var faults = new FaultList();

        RequestValidator.Validate(Signature, new ModelLimits(), _request, faults);

        Assert.Equal(FaultList.Capacity, faults.Faults.Count);
        Assert.Matches(@" And \d{5,6} more\.$", faults.ToError().Message);
    }

    [Fact]
    public void Validate_HugeNames_AreCutInTheAnswer()
    {
        for (int i = 0; i < 40; i++)
        {
            Give(new string((char)('a' + (i % 26)), 1_000_000 + i), TensorType.Bytes, 0);
        }

        _request.Outputs = [new string('x', 1_000_000)];
        var faults = new FaultList();

        RequestValidator.Validate(Signature, new ModelLimits(), _request, faults);

        PredictError error = faults.ToError();
        Assert.InRange(error.Message.Length, 1, 20_000);
        Assert.All(error.Faults, fault => Assert.InRange(fault.Target!.Length, 1, 200));
    }

    private static OutputSpec Output(string name) => new(OutputKind.Tensor, new TensorSpec(name, TensorType.Fp32, null));

    private void GiveRequired()
    {
        Give("image", TensorType.Fp32, 1, 3, 1);
        Give("text", TensorType.Bytes, 1);
    }

    private void Give(string name, TensorType type, params long[] shape)
    {
        int count = (int)TensorShape.CountElements(shape);
        _request.Add(name, type == TensorType.Bytes
            ? Tensor.FromStrings(shape, Enumerable.Repeat("", count).ToList())
            : new Tensor(type, shape, TensorBuffer.Rent(count * type.ElementSize())));
    }

    private IReadOnlyList<RequestFault> Faults(ModelLimits? limits = null, IReadOnlySet<string>? faulty = null)
    {
        var faults = new FaultList();
        RequestValidator.Validate(Signature, limits ?? new ModelLimits(), _request, faults, faulty);
        return faults.Faults;
    }
}
