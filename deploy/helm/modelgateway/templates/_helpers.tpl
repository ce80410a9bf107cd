{{- define "modelgateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "modelgateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "modelgateway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "modelgateway.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "modelgateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelgateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelgateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "modelgateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: model-server
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "modelgateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "modelgateway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "modelgateway.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Seconds for requests in flight: a body may just have begun, and its run comes after it. */ -}}
{{- define "modelgateway.drainSeconds" -}}
{{- add .Values.timeouts.body .Values.timeouts.predict 5 -}}
{{- end -}}

{{- /* Seconds as a TimeSpan: 00:01:05. */ -}}
{{- define "modelgateway.timeSpan" -}}
{{- $seconds := int . -}}
{{- printf "%02d:%02d:%02d" (div $seconds 3600) (mod (div $seconds 60) 60) (mod $seconds 60) -}}
{{- end -}}

{{- /* Environment variables of a nested setting: dict "name" its name so far, "value" a map, a list or a plain value. */ -}}
{{- define "modelgateway.settings" -}}
{{- $name := .name -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value }}
{{- include "modelgateway.settings" (dict "name" (printf "%s__%s" $name $key) "value" $value) }}
{{- end }}
{{- else if kindIs "slice" .value -}}
{{- range $index, $value := .value }}
{{- include "modelgateway.settings" (dict "name" (printf "%s__%d" $name $index) "value" $value) }}
{{- end }}
{{- else }}
- name: {{ $name }}
  {{- /* Numbers of values are floating-point: large whole ones must not become 1e+09. */}}
  value: {{ if and (kindIs "float64" .value) (eq .value (floor .value)) }}{{ .value | int64 | toString | quote }}{{ else }}{{ .value | toString | quote }}{{ end }}
{{- end }}
{{- end -}}

{{- /* Where a secret is mounted. */ -}}
{{- define "modelgateway.secretFolder" -}}
/etc/modelgateway/secrets/{{ . }}
{{- end -}}

{{- /* The model that a request is for, as deploy/nginx and deploy/haproxy find it. Requests that name it in the body, or none, are spread at random. */ -}}
{{- define "modelgateway.modelByNginx" -}}
set $modelgateway_model $request_id;
if ($uri ~ "^/predict/([^/]+)") {
  set $modelgateway_model $1;
}
if ($uri ~ "^/v[12]/models/([^/:]+)") {
  set $modelgateway_model $1;
}
{{- end -}}

{{- define "modelgateway.modelByHaproxy" -}}
http-request set-var(txn.model) path,field(3,/) if { path_beg /predict/ }
http-request set-var(txn.model) path,field(4,/),regsub(:.*,) if { path_beg /v1/models/ /v2/models/ }
http-request set-var(txn.model) uuid unless { var(txn.model) -m found }
balance hash var(txn.model)
hash-type consistent
{{- end -}}

{{- define "modelgateway.checks" -}}
{{- if not (or .Values.repository .Values.config.Repositories .Values.config.Repository) -}}
{{- fail "Say where the models are: --set repository=s3://bucket/prefix (or gs://, azblob://, https://, mlflow+https://, or /models with modelVolume)." -}}
{{- end -}}
{{- $auth := default dict .Values.config.Auth -}}
{{- $fromSecret := false -}}
{{- range .Values.secrets -}}
{{- if hasPrefix "Auth:Keys:" .setting -}}{{- $fromSecret = true -}}{{- end -}}
{{- end -}}
{{- if not (or $auth.Authority $auth.Keys $fromSecret (eq (toString $auth.Enabled) "false")) -}}
{{- fail "Say whose tokens are accepted: config.Auth.Authority, config.Auth.Keys or a secret for Auth:Keys:0:PemFile; or switch authentication off by name: config.Auth.Enabled=false." -}}
{{- end -}}
{{- /* What other values set would be there twice, and the drain would no longer fit into the grace period. */ -}}
{{- $limits := default dict .Values.config.Limits -}}
{{- if or .Values.config.Shutdown $limits.PredictTimeout $limits.BodyTimeout -}}
{{- fail "Set timeouts.predict, timeouts.body and timeouts.drainDelay in place of config.Limits.PredictTimeout, config.Limits.BodyTimeout and config.Shutdown: the pod's grace period follows from them." -}}
{{- end -}}
{{- if or .Values.config.ArtifactFolder (default dict .Values.config.ArtifactCache).MaxBytes (default dict .Values.config.GraphCache).MaxBytes -}}
{{- fail "Set cacheVolume in place of config.ArtifactFolder, config.ArtifactCache.MaxBytes and config.GraphCache.MaxBytes: the volume's size follows from it." -}}
{{- end -}}
{{- if and .Values.repository .Values.config.Repository -}}
{{- fail "Set repository, not config.Repository as well." -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled -}}
{{- fail "autoscaling and keda would both set the number of replicas: enable one of them." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts is empty: name the hosts under which the gateway is reached." -}}
{{- end -}}
{{- /* What a pod would come up with and then not serve, or not be asked for. */ -}}
{{- $tls := default dict .Values.config.Tls -}}
{{- $certificate := $tls.CertificateFile -}}
{{- range .Values.secrets -}}
{{- if eq (lower .setting) "tls:certificatefile" -}}{{- $certificate = .key -}}{{- end -}}
{{- end -}}
{{- if and $certificate (eq .Values.scheme "HTTP") -}}
{{- fail "Tls.CertificateFile is for scheme=HTTPS: with HTTP the pod's port goes on without TLS, where a gateway that has a certificate answers health and metrics only." -}}
{{- end -}}
{{- if and (eq .Values.scheme "HTTPS") (eq (lower (toString $tls.ClientCertificates)) "required") -}}
{{- fail "config.Tls.ClientCertificates=Required shuts out the probes, which have no certificate: set Optional." -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (eq (toString (default dict .Values.config.Metrics).RequireToken | lower) "true") (not .Values.serviceMonitor.authorization) -}}
{{- fail "config.Metrics.RequireToken=true shuts out Prometheus: name the secret with its token in serviceMonitor.authorization." -}}
{{- end -}}
{{- $clouds := 0 -}}
{{- range list (or .Values.workloadIdentity.eks.roleArn .Values.workloadIdentity.eks.podIdentity) .Values.workloadIdentity.gke.serviceAccount .Values.workloadIdentity.aks.clientId -}}
{{- if . -}}{{- $clouds = add1 $clouds -}}{{- end -}}
{{- end -}}
{{- if gt (int $clouds) 1 -}}
{{- fail "workloadIdentity is for one cloud: give one of eks.roleArn (or eks.podIdentity), gke.serviceAccount and aks.clientId." -}}
{{- end -}}
{{- end -}}

{{- /* Names of the secrets that are mounted, each once, one a line. */ -}}
{{- define "modelgateway.mountedSecrets" -}}
{{- $names := list -}}
{{- range .Values.secrets -}}
{{- if hasSuffix "File" .setting -}}{{- $names = append $names .secretName -}}{{- end -}}
{{- end -}}
{{- $names | uniq | join "\n" -}}
{{- end -}}
