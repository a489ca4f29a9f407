{{- /* Of every object: antiphon-operator for a release called antiphon. */ -}}
{{- define "antiphon.fullname" -}}
{{- $release := ternary .Release.Name (printf "%s-antiphon" .Release.Name) (contains "antiphon" .Release.Name) -}}
{{- default (printf "%s-operator" ($release | trunc 54 | trimSuffix "-")) .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The voices' NetworkPolicies admit pods with this name to the control port. */ -}}
{{- define "antiphon.selector" -}}
app.kubernetes.io/name: antiphon-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "antiphon.labels" -}}
{{ include "antiphon.selector" . }}
app.kubernetes.io/part-of: antiphon
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "antiphon.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "antiphon.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the service account, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* (dict "image" ... "root" .): repository@digest, or repository:tag. */ -}}
{{- define "antiphon.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "antiphon.subject" -}}
- kind: ServiceAccount
  name: {{ include "antiphon.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{- /* A monitor whose scrapes the NetworkPolicies refuse would be worse than none. */ -}}
{{- define "antiphon.needsPrometheus" -}}
{{- if not .Values.prometheus.namespace -}}
{{- fail "prometheus.namespace: name the namespace of Prometheus, or NetworkPolicies refuse its scrapes" -}}
{{- end -}}
{{- end -}}
