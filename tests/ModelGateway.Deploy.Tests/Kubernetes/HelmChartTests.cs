using k8s.Models;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The Helm chart: what each value changes, that whatever is rendered fits together, and what is refused with which words.</summary>
public sealed class HelmChartTests
{
    private const string Least = """
        repository: s3://models/live
        config: {Auth: {Authority: "https://login.example.com"}}

        """;

    // A name for the test's list, and values on top of the least.
    public static TheoryData<string, string> ValueSets => new()
    {
        { "defaults", "" },
        { "hpa", "autoscaling: {enabled: true}" },
        { "hpa on the queue", "autoscaling: {enabled: true, queue: {enabled: true, targetAverageValue: 3}}" },
        { "keda", "keda: {enabled: true}" },
        { "monitoring", "serviceMonitor: {enabled: true, labels: {release: prometheus}}\nprometheusRule: {enabled: true, labels: {release: prometheus}}\ngrafanaDashboard: {enabled: true, labels: {grafana_dashboard: '1'}}" },
        { "ingress", "ingress: {enabled: true, hosts: [models.example.com], tls: [{secretName: models-tls, hosts: [models.example.com]}]}" },
        { "hashing by nginx", "ingress: {enabled: true, hosts: [a.example.com, b.example.com], consistentHashing: {enabled: true, subsetSize: 2}}" },
        { "hashing by nginx with a snippet", "ingress: {enabled: true, hosts: [a.example.com], consistentHashing: {enabled: true, snippet: true}}" },
        { "hashing by haproxy", "ingress: {enabled: true, className: haproxy, hosts: [a.example.com], consistentHashing: {enabled: true, controller: haproxy}}" },
        { "all off", "serviceAccount: {create: false, name: mine}\ntopologySpread: {enabled: false}\npodDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}" },
        { "closed network", "networkPolicy: {restrictEgress: true, ingressFrom: [{namespaceSelector: {}}], egress: [{ports: [{port: 6379, protocol: TCP}]}]}" },
        { "volumes", "cacheVolume: {artifactsGiB: 30, graphsGiB: 10, storageClassName: fast}\nmodelVolume: {persistentVolumeClaim: {claimName: models, readOnly: true}}" },
        { "secrets", "secrets: [{setting: 'Cache:Redis:PasswordFile', secretName: redis, key: password}, {setting: 'Cache:KeySecretFile', secretName: redis, key: keys}, {setting: 'S3:AccessKeyId', secretName: store, key: id}, {setting: 'Repositories:0:S3:SecretAccessKeyFile', secretName: store, key: secret}]" },
        { "secrets with long names", "secrets: [{setting: 'Cache:Redis:PasswordFile', secretName: redis.shared.caches.of.all.teams.in.this.cluster.and.of.some.others.too, key: password}, {setting: 'Cache:KeySecretFile', secretName: keys.v1, key: keys}]" },
        { "tokens for metrics", "config: {Metrics: {RequireToken: true}}\nserviceMonitor: {enabled: true, authorization: {type: Bearer, credentials: {name: metrics, key: token}}}" },
        { "client certificates", "scheme: HTTPS\nconfig: {Tls: {ClientCertificates: Optional, ClientCaFile: /ca/ca.pem}}\nsecrets: [{setting: 'Tls:CertificateFile', secretName: tls, key: tls.crt}, {setting: 'Tls:KeyFile', secretName: tls, key: tls.key}]" },
        { "https", "scheme: HTTPS\ncontainerPort: 8443\nserviceMonitor: {enabled: true}\ningress: {enabled: true, hosts: [a.example.com]}" },
        { "long requests", "timeouts: {predict: 3600, body: 600, drainDelay: 30}" },
        { "placement", "nodeSelector: {pool: models}\ntolerations: [{key: models, operator: Exists}]\naffinity: {nodeAffinity: {}}\npriorityClassName: high\npodLabels: {team: a}\npodAnnotations: {note: b}" },
        { "extras", "imagePullSecrets: [{name: registry}]\nimage: {repository: registry.example.com/modelgateway, digest: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}\nextraEnv: [{name: AWS_REGION, value: eu-central-1}]\nextraEnvFrom: [{configMapRef: {name: proxy}}]\nextraVolumes: [{name: ca, configMap: {name: ca}}]\nextraVolumeMounts: [{name: ca, mountPath: /ca}]" },
        { "settings", "config: {Auth: {Audience: [a, b]}, Limits: {MaxBodyBytes: 134217728, QueueLength: 5}, Memory: {BudgetBytes: 17179869184, LoadOnDemand: true}, Logging: {SampleRate: 0.25}, Cache: {Redis: {Configuration: 'redis:6379', Tls: true}}, Repositories: [{Uri: 's3://a/b', NamePrefix: a., S3: {Region: eu-central-1}}, {Uri: 'gs://c/d'}]}\nrepository: ''" },
        { "named", "fullnameOverride: predictions\nnameOverride: gw" },
    };

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Render_Values_FitTogether(string name, string values)
    {
        Manifests manifests = await HelmChart.RenderAsync(With(values));

        Assert.NotEmpty(name);
        ManifestRules.Check(manifests);
        Assert.All(manifests.All.OfType<k8s.IKubernetesObject<V1ObjectMeta>>(), item => Assert.StartsWith(manifests.Deployment.Metadata.Name, item.Metadata.Name, StringComparison.Ordinal));
    }

    // The files that the pages on the clouds name.
    [Theory]
    [InlineData("deploy/aws/eks-values.yaml", "eks.amazonaws.com/role-arn")]
    [InlineData("deploy/gcp/gke-values.yaml", null)]
    [InlineData("deploy/azure/aks-values.yaml", "azure.workload.identity/client-id")]
    public async Task Render_ValuesOfACloud_FitTogether(string file, string? annotation)
    {
        Manifests manifests = await HelmChart.RenderAsync(CheckedInFile.Read(file));

        ManifestRules.Check(manifests);
        Assert.Equal(annotation, manifests.One<V1ServiceAccount>().Metadata.Annotations?.Keys.Single(key => !key.EndsWith("/tenant-id", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Render_Defaults_AreSensible()
    {
        Manifests manifests = await HelmChart.RenderAsync(Least);

        Assert.Equal("s3://models/live", manifests.Environment["Gateway__Repository"]);
        Assert.Equal(2, manifests.Deployment.Spec.Replicas);
        Assert.Equal("0", manifests.Deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.Value);
        Assert.Equal("1", manifests.One<V1PodDisruptionBudget>().Spec.MaxUnavailable.Value);
        Assert.Equal(2, manifests.Pod.TopologySpreadConstraints.Count);
        Assert.Equal(["Ingress"], manifests.One<V1NetworkPolicy>().Spec.PolicyTypes);
        Assert.Equal("http", manifests.One<V1Service>().Spec.Ports.Single().AppProtocol);

        // The chart asks the cluster for no rights at all.
        Assert.DoesNotContain(manifests.All, item => item is V1Role or V1ClusterRole or V1RoleBinding or V1ClusterRoleBinding);
    }

    [Fact]
    public async Task Render_Settings_BecomeVariables()
    {
        IReadOnlyDictionary<string, string> environment = (await HelmChart.RenderAsync(With(
            "config: {Limits: {MaxBodyBytes: 134217728}, Memory: {LoadOnDemand: true}, Logging: {SampleRate: 0.25}, Auth: {Audience: [a, b]}}"))).Environment;

        Assert.Equal("134217728", environment["Gateway__Limits__MaxBodyBytes"]);
        Assert.Equal("true", environment["Gateway__Memory__LoadOnDemand"]);
        Assert.Equal("0.25", environment["Gateway__Logging__SampleRate"]);
        Assert.Equal("b", environment["Gateway__Auth__Audience__1"]);
        Assert.Equal("https://login.example.com", environment["Gateway__Auth__Authority"]);
    }

    [Fact]
    public async Task Render_Secrets_AreMountedOrReferred()
    {
        Manifests manifests = await HelmChart.RenderAsync(With(
            "secrets: [{setting: 'Cache:Redis:PasswordFile', secretName: redis, key: password}, {setting: 'S3:AccessKeyId', secretName: store, key: id}]"));

        Assert.Equal("/etc/modelgateway/secrets/redis/password", manifests.Environment["Gateway__Cache__Redis__PasswordFile"]);
        V1SecretKeySelector reference = manifests.Container.Env.Single(variable => variable.Name == "Gateway__S3__AccessKeyId").ValueFrom.SecretKeyRef;
        Assert.Equal(("store", "id"), (reference.Name, reference.Key));
        Assert.Single(manifests.Pod.Volumes, volume => volume.Secret is not null);
    }

    [Fact]
    public async Task Render_ServiceMonitor_HasTheJobOfTheAlertsAndItsToken()
    {
        Manifests manifests = await HelmChart.RenderAsync(With(
            "fullnameOverride: predictions\nconfig: {Metrics: {RequireToken: true}}\nserviceMonitor: {enabled: true, authorization: {credentials: {name: metrics, key: token}}}"));

        ServiceMonitor.EndpointShape endpoint = Assert.Single(manifests.One<ServiceMonitor>().Spec.Endpoints);
        ServiceMonitor.RelabelShape job = Assert.Single(endpoint.Relabelings);
        Assert.Equal(("job", "modelgateway"), (job.TargetLabel, job.Replacement));
        Assert.Equal(("metrics", "token"), (endpoint.Authorization!.Credentials!.Name, endpoint.Authorization.Credentials.Key));
    }

    // Of each rule of egress that names addresses: these and its port.
    [Theory]
    [InlineData("", "")]
    [InlineData("workloadIdentity: {gke: {serviceAccount: a@b}}", "169.254.169.254/32 80, 169.254.169.252/32 988")]
    [InlineData("config: {Repositories: [{Uri: 'gs://c/d'}]}", "169.254.169.254/32 80, 169.254.169.252/32 988")]
    [InlineData("workloadIdentity: {eks: {podIdentity: true}}", "169.254.170.23/32 fd00:ec2::23/128 80")]
    public async Task Render_RestrictedEgress_LetsPodsFetchTheirIdentity(string values, string addresses)
    {
        Manifests manifests = await HelmChart.RenderAsync(With($"networkPolicy: {{restrictEgress: true}}\n{values}"));

        Assert.Equal(addresses, string.Join(", ", manifests.One<V1NetworkPolicy>().Spec.Egress
            .Where(rule => rule.To is not null)
            .Select(rule => $"{string.Join(' ', rule.To.Select(peer => peer.IpBlock.Cidr))} {rule.Ports.Single().Port.Value}")));
    }

    [Theory]
    [InlineData("eks: {roleArn: 'arn:aws:iam::111122223333:role/models'}", "eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/models", false)]
    [InlineData("gke: {serviceAccount: models@project.iam.gserviceaccount.com}", "iam.gke.io/gcp-service-account", "models@project.iam.gserviceaccount.com", false)]
    [InlineData("aks: {clientId: 00000000-0000-0000-0000-000000000001}", "azure.workload.identity/client-id", "00000000-0000-0000-0000-000000000001", true)]
    public async Task Render_WorkloadIdentity_IsWhatTheCloudLooksFor(string identity, string annotation, string value, bool labelled)
    {
        Manifests manifests = await HelmChart.RenderAsync(With($"workloadIdentity: {{{identity}}}\nserviceAccount: {{annotations: {{own: x}}}}"));

        Assert.Equal(value, manifests.One<V1ServiceAccount>().Metadata.Annotations[annotation]);
        Assert.Equal("x", manifests.One<V1ServiceAccount>().Metadata.Annotations["own"]);
        Assert.Equal(labelled, manifests.Deployment.Spec.Template.Metadata.Labels.Contains(new("azure.workload.identity/use", "true")));
    }

    [Fact]
    public async Task Render_ConsistentHashing_SendsAModelToOneReplica()
    {
        Manifests nginx = await HelmChart.RenderAsync(With("ingress: {enabled: true, hosts: [a.example.com], annotations: {nginx.ingress.kubernetes.io/configuration-snippet: own;}, consistentHashing: {enabled: true, snippet: true, subsetSize: 2}}"));
        Manifests haproxy = await HelmChart.RenderAsync(With("ingress: {enabled: true, className: haproxy, hosts: [a.example.com], consistentHashing: {enabled: true, controller: haproxy}}"));

        // By name, as the configurations for balancers without Kubernetes find it.
        IDictionary<string, string> annotations = nginx.One<V1Ingress>().Metadata.Annotations;
        Assert.Equal("$modelgateway_model", annotations["nginx.ingress.kubernetes.io/upstream-hash-by"]);
        Assert.Equal("2", annotations["nginx.ingress.kubernetes.io/upstream-hash-by-subset-size"]);
        string[] snippet = annotations["nginx.ingress.kubernetes.io/configuration-snippet"].Split('\n');
        string map = CheckedInFile.Read("deploy/nginx/modelgateway.conf").Replace("?<modelgateway_name>", "", StringComparison.Ordinal);
        string[] patterns = [.. snippet.Where(line => line.StartsWith("if ", StringComparison.Ordinal)).Select(line => line.Split('"')[1])];
        Assert.Equal(2, patterns.Length);
        Assert.All(patterns, pattern => Assert.Contains($"\"~{pattern}\" ", map, StringComparison.Ordinal));
        Assert.Equal("set $modelgateway_model $request_id;", snippet[0]);
        Assert.Equal("own;", snippet[^1]);

        string[] rules = haproxy.One<V1Ingress>().Metadata.Annotations["haproxy.org/backend-config-snippet"].Split('\n');
        Assert.Contains("balance hash var(txn.model)", rules);
        Assert.Equal(3, rules.Count(rule => rule.StartsWith("http-request set-var(txn.model) ", StringComparison.Ordinal)));
        Assert.All(rules, rule => Assert.Contains($"\n  {rule}\n", CheckedInFile.Read("deploy/haproxy/haproxy.cfg"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Render_ConsistentHashingWithoutSnippets_HashesThePath()
    {
        Manifests hashed = await HelmChart.RenderAsync(With("ingress: {enabled: true, hosts: [a.example.com], consistentHashing: {enabled: true}}"));
        Manifests plain = await HelmChart.RenderAsync(With("ingress: {enabled: true, hosts: [a.example.com]}"));

        Assert.Equal("$uri", hashed.One<V1Ingress>().Metadata.Annotations["nginx.ingress.kubernetes.io/upstream-hash-by"]);
        Assert.DoesNotContain(hashed.One<V1Ingress>().Metadata.Annotations.Keys, key => key.Contains("snippet", StringComparison.Ordinal));
        Assert.DoesNotContain(plain.One<V1Ingress>().Metadata.Annotations.Keys, key => key.Contains("hash", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Render_Alerts_AreThoseOfPrometheus()
    {
        Manifests manifests = await HelmChart.RenderAsync(With("prometheusRule: {enabled: true}"));

        Assert.All(
            manifests.One<PrometheusRule>().Spec.Groups.SelectMany(group => group.Rules),
            rule => Assert.True(rule.Alert is null != rule.Record is null && rule.Expr.Length > 0, $"A rule is neither alert nor record: {rule.Alert}{rule.Record}"));
    }

    [Fact]
    public async Task Render_Dashboard_IsGrafanas()
    {
        Manifests manifests = await HelmChart.RenderAsync(With("grafanaDashboard: {enabled: true}"));

        V1ConfigMap map = manifests.One<V1ConfigMap>();
        Assert.Equal("1", map.Metadata.Labels["grafana_dashboard"]);
        using var dashboard = System.Text.Json.JsonDocument.Parse(Assert.Single(map.Data).Value);
        Assert.NotEmpty(dashboard.RootElement.GetProperty("panels").EnumerateArray());
    }

    [Fact]
    public Task Chart_Strictly_HasNothingToComplainOf() =>
        Command.RunAsync(HelmChart.Program, ["lint", "--strict", HelmChart.Folder, "--set", "repository=/models", "--set", "config.Auth.Enabled=false"]);

    // Helm reads only what is inside the chart, so these are there twice.
    [Theory]
    [InlineData("deploy/prometheus/alerts.yaml", "alerts.yaml")]
    [InlineData("deploy/grafana/dashboard.json", "dashboard.json")]
    public void Files_OfTheChart_AreThoseThatOthersUse(string shared, string copy) =>
        CheckedInFile.AssertIs($"deploy/helm/modelgateway/files/{copy}", CheckedInFile.Read(shared));

    [Fact]
    public async Task Render_Notes_SayHowToReachItAndWhatIsOpen()
    {
        string closed = await HelmChart.NotesAsync(Least);
        string open = await HelmChart.NotesAsync("repository: /models\nconfig: {Auth: {Enabled: false}}\ningress: {enabled: true, hosts: [models.example.com]}");

        Assert.Contains("port-forward service/live-modelgateway 8080:80", closed, StringComparison.Ordinal);
        Assert.DoesNotContain("Authentication is OFF", closed, StringComparison.Ordinal);
        Assert.Contains("Authentication is OFF", open, StringComparison.Ordinal);
        Assert.Contains("http://models.example.com", open, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config: {Auth: {Enabled: false}}", "Say where the models are")]
    [InlineData("repository: s3://a/b", "Say whose tokens are accepted")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}, Shutdown: {Delay: '00:00:01'}}", "Set timeouts.predict")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}, Limits: {PredictTimeout: '00:10:00'}}", "Set timeouts.predict")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}, GraphCache: {MaxBytes: 1}}", "Set cacheVolume")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}}\nautoscaling: {enabled: true}\nkeda: {enabled: true}", "enable one of them")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}}\ningress: {enabled: true}", "ingress.hosts is empty")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}}\nworkloadIdentity: {gke: {serviceAccount: a@b}, aks: {clientId: c}}", "one cloud")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}}\nworkloadIdentity: {eks: {podIdentity: true}, aks: {clientId: c}}", "one cloud")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}, Tls: {CertificateFile: /tls/tls.crt}}", "is for scheme=HTTPS")]
    [InlineData("repository: s3://a/b\nconfig: {Auth: {Enabled: false}}\nsecrets: [{setting: 'Tls:CertificateFile', secretName: tls, key: tls.crt}]", "is for scheme=HTTPS")]
    [InlineData("repository: s3://a/b\nscheme: HTTPS\nconfig: {Auth: {Enabled: false}, Tls: {CertificateFile: /tls/tls.crt, ClientCertificates: Required}}", "shuts out the probes")]
    [InlineData("repository: s3://a/b\nserviceMonitor: {enabled: true}\nconfig: {Auth: {Enabled: false}, Metrics: {RequireToken: true}}", "serviceMonitor.authorization")]
    public async Task Render_ValuesThatCannotServe_AreRefusedWithTheRemedy(string values, string reason) =>
        Assert.Contains(reason, await HelmChart.RefusalAsync(values), StringComparison.Ordinal);

    [Theory]
    [InlineData("replicas: 3", "replicas")]
    [InlineData("replicaCount: two", "replicaCount")]
    [InlineData("image: {pullPolicy: Sometimes}", "image.pullPolicy")]
    [InlineData("image: {digest: sha256:12}", "image.digest")]
    [InlineData("scheme: http", "scheme")]
    [InlineData("containerPort: 80", "containerPort")]
    [InlineData("timeouts: {predict: 0}", "timeouts.predict")]
    [InlineData("secrets: [{setting: Gateway__Auth, secretName: a, key: b}]", "secrets.0.setting")]
    [InlineData("workloadIdentity: {eks: {roleArn: models}}", "workloadIdentity.eks.roleArn")]
    [InlineData("serviceMonitor: {authorization: {token: secret}}", "serviceMonitor.authorization")]
    [InlineData("ingress: {consistentHashing: {controller: envoy}}", "ingress.consistentHashing.controller")]
    public async Task Render_ValuesAgainstTheSchema_AreRefusedByName(string values, string key) =>
        Assert.Contains(key, await HelmChart.RefusalAsync(Least + values), StringComparison.Ordinal);

    // YAML takes no key twice, so values that set what the least sets take its place there.
    private static string With(string values)
    {
        bool hasConfig = values.Contains("config: {", StringComparison.Ordinal);
        bool hasAuth = values.Contains("Auth: {", StringComparison.Ordinal);
        string auth = "Auth: {Authority: \"https://login.example.com\"" + (hasAuth ? ", " : "}, ");
        string merged = hasAuth ? values.Replace("Auth: {", auth, StringComparison.Ordinal) : values.Replace("config: {", "config: {" + auth, StringComparison.Ordinal);
        return hasConfig ? merged + (values.Contains("repository: ''", StringComparison.Ordinal) ? "" : "\nrepository: s3://models/live\n") : Least + values;
    }
}
