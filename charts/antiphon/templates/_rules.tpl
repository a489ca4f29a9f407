{{- /*
All that the operator may do, in three tables. The tests replay the calls that it makes against them: a call that is missing
here and a rule that no call needs both fail.
Server-side apply is `patch`, and `create` beside it where the object is not there yet.
*/ -}}

{{- /* In every namespace whose agents are served. */ -}}
{{- define "antiphon.rules.namespaced" -}}
- apiGroups: [antiphon.dev]
  resources: [voiceagents]
  verbs: [list, watch]
- apiGroups: [antiphon.dev]
  resources: [voiceagents/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, secrets, serviceaccounts]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaims]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- /* Of the whole cluster. */ -}}
{{- define "antiphon.rules.cluster" -}}
- apiGroups: [antiphon.dev]
  resources: [slapolicies, voicemodels, gpupools]
  verbs: [list, watch]
- apiGroups: [antiphon.dev]
  resources: [slapolicies/status, voicemodels/status, gpupools/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- apiGroups: [resource.k8s.io]
  resources: [resourceslices]
  verbs: [list, watch]
{{- end -}}

{{- /* In the operator's own namespace: the lease by which one replica leads. `create` can't be bound to a name. */ -}}
{{- define "antiphon.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "antiphon.fullname" . | quote }}]
  verbs: [get, update]
{{- end -}}
