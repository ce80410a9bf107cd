using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ModelGateway.Audit;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Limits;
using Xunit;

namespace ModelGateway.Tests.Audit;

/// <summary>What is written of those who manage, of those who are refused, and of the repository.</summary>
public sealed class AuditTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("audit-");

    private string File => Path.Combine(_folder.FullName, "audit.jsonl");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task ManagementCalls_AreRecordedWithSubjectTargetAndOutcome()
    {
        await using LimitedHost host = await StartAsync();
        await SendAsync(host, HttpMethod.Post, "/v2/repository/models/first/load", "alice");
        await SendAsync(host, HttpMethod.Post, "/v2/repository/models/second/unload", "alice");
        await SendAsync(host, HttpMethod.Post, "/v2/repository/models/missing/load", "bob");
        await SendAsync(host, HttpMethod.Delete, "/v2/models/first/cache", "bob");
        await SendAsync(host, HttpMethod.Delete, "/v2/models/first/versions/1/cache", "bob");
        await SendAsync(host, HttpMethod.Post, "/v2/repository/refresh", "carol");
        await SendAsync(host, HttpMethod.Post, "/v2/logging", "carol", JsonContent.Create(new { level = "Error" }));

        List<JsonElement> lines = await LinesAsync(lines => Of(lines, "caller").Count == 7);

        Assert.Equal(
            [
                "model.load first success 200 alice",
                "model.unload second success 200 alice",
                "model.load missing failed 404 bob",
                "cache.purge first success 204 bob",
                "cache.purge first/1 success 204 bob",
                "repository.refresh /v2/repository/refresh success 202 carol",
                "log.level /v2/logging success 200 carol",
            ],
            Of(lines, "caller").Select(line => $"{Text(line, "action")} {Text(line, "target")} {Text(line, "outcome")} {line.GetProperty("status")} {Text(line, "subject")}"));
        Assert.All(Of(lines, "caller"), line =>
        {
            Assert.True(line.GetProperty("audit").GetBoolean());
            Assert.Equal("127.0.0.1", Text(line, "client"));
            Assert.StartsWith("call-", Text(line, "requestId"));
            Assert.Equal(TimeSpan.Zero, line.GetProperty("time").GetDateTimeOffset().Offset);
        });
        Assert.Equal("from Fatal to Error", Text(Of(lines, "caller")[^1], "detail"));
    }

    [Fact]
    public async Task Refusals_AreRecordedWithTheirReason()
    {
        await using LimitedHost host = await StartAsync();
        string narrow = new Auth.TestToken().With("sub", "eve").With("scope", "models:predict").With("models", "second").Sign(host.Key);
        await SendTokenAsync(host, HttpMethod.Post, "/v2/repository/models/first/unload", narrow);
        await SendTokenAsync(host, HttpMethod.Post, "/predict/first", narrow);
        await SendTokenAsync(host, HttpMethod.Get, "/v2/logging", "not-a-token");
        await SendTokenAsync(host, HttpMethod.Get, "/v2/logging", null);

        List<JsonElement> lines = Of(await LinesAsync(lines => Of(lines, "caller").Count == 3), "caller");

        Assert.All(lines, line => Assert.Equal("refused", Text(line, "outcome")));
        Assert.Equal(["model.unload 403 eve", "access 403 eve", "access 401 "], lines.Select(line => $"{Text(line, "action")} {line.GetProperty("status")} {Text(line, "subject")}"));
        Assert.Contains("lacks the scope", Text(lines[0], "detail"));
        Assert.Contains("does not cover this model", Text(lines[1], "detail"));
        Assert.Equal("/v2/logging", Text(lines[2], "target"));
    }

    // Once a path is known it is not routed: what it names is the same.
    [Fact]
    public async Task Refusals_OnAPathThatIsKnown_NameModelAndVersion()
    {
        const string Path = "/predict/first/versions/1";
        await using LimitedHost host = await StartAsync();
        string narrow = new Auth.TestToken().With("scope", "models:predict").With("models", "second").Sign(host.Key);
        await SendTokenAsync(host, HttpMethod.Post, Path, narrow);
        await SendAsync(host, HttpMethod.Post, Path, "alice");
        await SendTokenAsync(host, HttpMethod.Post, Path, narrow);

        List<JsonElement> lines = Of(await LinesAsync(lines => Of(lines, "caller").Count == 2), "caller");

        Assert.All(lines, line => Assert.Equal(("access", "first/1"), (Text(line, "action"), Text(line, "target"))));
    }

    [Fact]
    public async Task Repository_VersionsAndLabels_AreRecorded()
    {
        await using LimitedHost host = await StartAsync();
        host.Host.Repository.AddVersion("first", 2, TestModels.AddConstant(2));
        host.Host.Repository.AddConfig("first", "version_policy: all\nlabels: {stable: 1}\n");
        await host.Host.WaitUntilAsync(manager => manager.Find("first")?.Labels.GetValueOrDefault("stable") == 1 && manager.Find("first")?.Find(2)?.Servable is not null && manager.Find("first")?.Find(1)?.Servable is not null);
        await LinesAsync(lines => Has(lines, "label.moved", "first"));
        host.Host.Repository.AddConfig("first", "version_policy: all\nlabels: {stable: 2}\n");
        host.Host.Repository.AddVersion("broken", 1, "nonsense"u8.ToArray());
        host.Host.Repository.RemoveModel("second");

        List<JsonElement> lines = await LinesAsync(lines =>
            lines.Any(line => Text(line, "detail") == "stable from 1 to 2") && Has(lines, "version.failed", "broken/1") && Has(lines, "version.gone", "second/1"));

        Assert.All(Of(lines, "repository"), line => Assert.False(line.TryGetProperty("subject", out _)));
        Assert.True(Has(lines, "version.ready", "first/2"));
        Assert.Contains(lines, line => Text(line, "action") == "version.ready" && Text(line, "detail").Contains("digest ", StringComparison.Ordinal) && !Text(line, "detail").Contains("not known", StringComparison.Ordinal));
        Assert.Equal("failed", Text(lines.Single(line => Text(line, "action") == "version.failed"), "outcome"));
    }

    [Fact]
    public async Task File_RenamedOrUnwritable_NothingIsLost()
    {
        await using LimitedHost host = await StartAsync();
        await LinesAsync(AreBothReady);
        await SendAsync(host, HttpMethod.Post, "/v2/repository/refresh", "alice");
        await LinesAsync(lines => Of(lines, "caller").Count == 1);

        // As logrotate does it.
        System.IO.File.Move(File, File + ".1");
        await SendAsync(host, HttpMethod.Post, "/v2/repository/refresh", "bob");
        await LinesAsync(lines => lines.Any(line => Text(line, "subject") == "bob"));

        BlockFile();
        await SendAsync(host, HttpMethod.Post, "/v2/repository/refresh", "carol");
        Directory.Delete(File);
        await LinesAsync(lines => lines.Any(line => Text(line, "subject") == "carol"));
        Assert.Equal(0, await host.MetricAsync("audit_events_total{outcome=\"lost\"}"));
    }

    [Fact]
    public async Task File_ThatCannotBeWritten_IsToldAtTheStart()
    {
        OptionsValidationException exception = await Assert.ThrowsAsync<OptionsValidationException>(
            () => LimitedHost.StartAsync(("Gateway:Audit:Enabled", "true"), ("Gateway:Audit:File", Path.Combine(_folder.FullName, "missing", "audit.jsonl"))));

        Assert.Contains("Gateway:Audit:File names a file that cannot be written", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_UnwritableForLong_WhatIsTooMuchIsCounted()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(("Gateway:Audit:Enabled", "true"), ("Gateway:Audit:File", File), ("Gateway:Audit:BufferedEvents", "100"));
        AuditLog log = host.Host.Services.GetRequiredService<AuditLog>();
        await LinesAsync(AreBothReady);
        BlockFile();

        // One batch is with the writer, and a hundred wait; of 1000 most are lost.
        for (int i = 0; i < 1000; i++)
        {
            log.Record(Happened(log, i, AuditEvent.Success));
        }

        double lost = (await host.MetricAsync("audit_events_total{outcome=\"lost\"}"))!.Value;
        Assert.InRange(lost, 1, 999);
        Directory.Delete(File);
        await LinesAsync(lines => Tests(lines).Count == 1000 - lost);
    }

    [Fact]
    public async Task Refusals_MoreThanHalfOfThePlaces_TakeNoneFromOthers()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(("Gateway:Audit:Enabled", "true"), ("Gateway:Audit:File", File), ("Gateway:Audit:BufferedEvents", "100"));
        AuditLog log = host.Host.Services.GetRequiredService<AuditLog>();
        await LinesAsync(AreBothReady);
        BlockFile();

        // The writer may take all that wait for a batch that it then keeps: the second flood finds it waiting for the file.
        double lost = 0;
        for (int flood = 0; flood < 2; flood++)
        {
            for (int i = 0; i < 500; i++)
            {
                log.Record(Happened(log, i, AuditEvent.Refused));
            }

            lost = (await host.MetricAsync("audit_events_total{outcome=\"lost\"}"))!.Value;
        }

        for (int i = 0; i < 50; i++)
        {
            log.Record(Happened(log, i, AuditEvent.Success));
        }

        Assert.InRange(lost, 1, 999);
        Assert.Equal(lost, await host.MetricAsync("audit_events_total{outcome=\"lost\"}"));
        Directory.Delete(File);
        List<JsonElement> lines = Tests(await LinesAsync(lines => Tests(lines).Count == 1050 - lost));
        Assert.Equal(50, lines.Count(line => Text(line, "outcome") == AuditEvent.Success));

        // Places that are free again are taken again.
        log.Record(Happened(log, 1000, AuditEvent.Refused));
        await LinesAsync(lines => Tests(lines).Count == 1051 - lost);
    }

    [Fact]
    public async Task File_OnAFullDisk_HoldsWholeLinesOnly()
    {
        using var disk = new SmallDisk(kibibytes: 64);
        string file = Path.Combine(disk.Path, "audit.jsonl");
        string filler = Path.Combine(disk.Path, "filler");
        await using LimitedHost host = await LimitedHost.StartAsync(("Gateway:Audit:Enabled", "true"), ("Gateway:Audit:File", file));
        AuditLog log = host.Host.Services.GetRequiredService<AuditLog>();
        await LinesAsync(AreBothReady, file);
        Fill(filler);
        DateTime before = System.IO.File.GetLastWriteTimeUtc(file);

        // Its beginning fits on what is left of the file's last page.
        log.Record(Happened(log, 0, AuditEvent.Success) with { Detail = new string('x', 10_000) });
        using var patience = new CancellationTokenSource(Patience);
        while (System.IO.File.GetLastWriteTimeUtc(file) == before)
        {
            await Task.Delay(20, patience.Token);
        }

        log.Record(Happened(log, 1, AuditEvent.Success));
        System.IO.File.Delete(filler);
        List<JsonElement> lines = await LinesAsync(lines => Tests(lines).Count >= 2, file);
        Assert.Equal(["0", "1"], Tests(lines).Select(line => Text(line, "target")));
    }

    [Fact]
    public async Task SwitchedOff_NothingIsWritten()
    {
        await using (LimitedHost host = await LimitedHost.StartAsync(("Gateway:Audit:Enabled", "false"), ("Gateway:Audit:File", File)))
        {
            await SendAsync(host, HttpMethod.Post, "/v2/repository/refresh", "alice");
        }

        Assert.False(System.IO.File.Exists(File));
    }

    private static string Text(JsonElement line, string name) => line.TryGetProperty(name, out JsonElement value) ? value.GetString()! : "";

    private static List<JsonElement> Of(IEnumerable<JsonElement> lines, string actor) => [.. lines.Where(line => Text(line, "actor") == actor)];

    private static bool Has(IEnumerable<JsonElement> lines, string action, string target) => lines.Any(line => Text(line, "action") == action && Text(line, "target") == target);

    private static AuditEvent Happened(AuditLog log, int number, string outcome) => new(log.Now, AuditEvent.Caller, "test", $"{number}", outcome);

    private static List<JsonElement> Tests(IEnumerable<JsonElement> lines) => [.. lines.Where(line => Text(line, "action") == "test")];

    // After that nothing is written of which a test does not know.
    private static bool AreBothReady(List<JsonElement> lines) => Has(lines, "version.ready", "first/1") && Has(lines, "version.ready", "second/1");

    private static void Fill(string file)
    {
        using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 });
        byte[] page = new byte[4096];
        try
        {
            while (true)
            {
                stream.Write(page);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static Task SendAsync(LimitedHost host, HttpMethod method, string path, string subject, HttpContent? content = null) =>
        SendTokenAsync(host, method, path, host.TokenOf(subject), content);

    private static async Task SendTokenAsync(LimitedHost host, HttpMethod method, string path, string? token, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = token is null ? null : new("Bearer", token);
        request.Headers.Add("X-Request-Id", $"call-{Guid.NewGuid():N}");
        using HttpResponseMessage response = await host.Host.Client.SendAsync(request);
    }

    private Task<LimitedHost> StartAsync() => LimitedHost.StartAsync(("Gateway:Audit:Enabled", "true"), ("Gateway:Audit:File", File));

    // A folder in its place: it cannot be written until it is gone.
    private void BlockFile()
    {
        System.IO.File.Delete(File);
        Directory.CreateDirectory(File);
    }

    private async Task<List<JsonElement>> LinesAsync(Func<List<JsonElement>, bool> condition, string? file = null)
    {
        file ??= File;
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            string text = System.IO.File.Exists(file) ? await System.IO.File.ReadAllTextAsync(file) : "";
            List<JsonElement> lines = [.. text.Split('\n').SkipLast(1).Select(line => JsonDocument.Parse(line).RootElement)];
            if (condition(lines))
            {
                return lines;
            }

            Assert.False(patience.IsCancellationRequested, $"The lines do not appear. There are:{Environment.NewLine}{text}");
            await Task.Delay(20);
        }
    }
}
