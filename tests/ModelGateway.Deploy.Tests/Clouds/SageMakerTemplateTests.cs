using System.Diagnostics;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Clouds;

/// <summary>The requests below deploy/aws against AWS's own description of the service, which its Python SDK (Debian's python3-botocore) brings.</summary>
public sealed class SageMakerTemplateTests
{
    // Debian's python: another one in front of it on the path does not see Debian's packages.
    private const string Python = "/usr/bin/python3";

    // The SDK checks names, kinds, required members and lengths, and leaves enumerations and patterns to the service.
    private const string Validate = """
        import json, re, sys
        import botocore.loaders, botocore.model, botocore.validate

        def check(value, shape, path, faults):
            if shape.type_name == "structure":
                for name, member in value.items():
                    if name in shape.members:
                        check(member, shape.members[name], path + "." + name, faults)
            elif shape.type_name == "list":
                for item in value:
                    check(item, shape.member, path + "[]", faults)
            elif shape.type_name == "map":
                for name, item in value.items():
                    check(name, shape.key, path + " key", faults)
                    check(item, shape.value, path + "." + name, faults)
            elif shape.type_name == "string":
                if getattr(shape, "enum", None) and value not in shape.enum:
                    faults.append(path + " is none of " + str(shape.enum))
                pattern = shape.metadata.get("pattern")
                if pattern and not re.fullmatch(pattern, value):
                    faults.append(path + " does not match " + pattern)

        description = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
        shape = botocore.model.ServiceModel(description).operation_model(sys.argv[1]).input_shape
        request = json.load(open(sys.argv[2]))
        report = botocore.validate.ParamValidator().validate(request, shape)
        faults = [report.generate_report()] if report.has_errors() else []
        check(request, shape, sys.argv[1], faults)
        print("\n".join(faults))
        sys.exit(1 if faults else 0)
        """;

    [Theory]
    [InlineData("CreateModel", "model.json")]
    [InlineData("CreateModel", "multi-model.json")]
    [InlineData("CreateEndpointConfig", "endpoint-config.json")]
    [InlineData("CreateEndpoint", "endpoint.json")]
    public async Task Request_OfTheTemplate_IsOneThatTheServiceTakes(string operation, string file)
    {
        (int code, string output) = await ValidateAsync(operation, Path.Combine(RepositoryRoot.Path, "deploy", "aws", "sagemaker", file));

        Assert.True(code == 0, output);
    }

    [Theory]
    [InlineData("""{"ModelName":"iris","ExecutionRole":"arn:aws:iam::111122223333:role/r"}""", "ExecutionRole")]
    [InlineData("""{"ModelName":"not a name","ExecutionRoleArn":"arn:aws:iam::111122223333:role/r"}""", "does not match")]
    [InlineData("""{"ModelName":"m","ExecutionRoleArn":"arn:aws:iam::111122223333:role/r","PrimaryContainer":{"Mode":"Many"}}""", "is none of")]
    public async Task Request_ThatIsWrong_IsRefused(string request, string fault)
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, request);

        (int code, string output) = await ValidateAsync("CreateModel", file);

        File.Delete(file);
        Assert.NotEqual(0, code);
        Assert.Contains(fault, output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> ValidateAsync(string operation, string file)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(Python, ["-c", Validate, operation, file]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }
}
