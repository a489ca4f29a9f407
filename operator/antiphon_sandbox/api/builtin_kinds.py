"""The built-in kinds that are served."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_sandbox.api.resources import ALL_VERBS, Resource, ScalePaths
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.upstream.definitions import resolve, schema_of

# group, version | plural, kind, short names | flags: n namespaced, s status, c scale, a in category "all", g generation
_TABLE = """
core v1
  namespaces              Namespace              ns       s
  nodes                   Node                   no       s
  persistentvolumes       PersistentVolume       pv       s
  configmaps              ConfigMap              cm       n
  endpoints               Endpoints              ep       n
  events                  Event                  ev       n
  limitranges             LimitRange             limits   n
  persistentvolumeclaims  PersistentVolumeClaim  pvc      ns
  pods                    Pod                    po       nsag
  podtemplates            PodTemplate            -        ng
  replicationcontrollers  ReplicationController  rc       nscag
  resourcequotas          ResourceQuota          quota    ns
  secrets                 Secret                 -        n
  serviceaccounts         ServiceAccount         sa       n
  services                Service                svc      nsa
apps v1
  controllerrevisions     ControllerRevision     -        n
  daemonsets              DaemonSet              ds       nsag
  deployments             Deployment             deploy   nscag
  replicasets             ReplicaSet             rs       nscag
  statefulsets            StatefulSet            sts      nscag
batch v1
  cronjobs                CronJob                cj       nsag
  jobs                    Job                    -        nsag
networking.k8s.io v1
  ingresses               Ingress                ing      nsg
  ingressclasses          IngressClass           -        g
  networkpolicies         NetworkPolicy          netpol   ng
policy v1
  poddisruptionbudgets    PodDisruptionBudget    pdb      nsg
autoscaling v2
  horizontalpodautoscalers HorizontalPodAutoscaler hpa    nsa
rbac.authorization.k8s.io v1
  clusterrolebindings     ClusterRoleBinding     -        -
  clusterroles            ClusterRole            -        -
  rolebindings            RoleBinding            -        n
  roles                   Role                   -        n
coordination.k8s.io v1
  leases                  Lease                  -        n
discovery.k8s.io v1
  endpointslices          EndpointSlice          -        ng
events.k8s.io v1
  events                  Event                  ev       n
scheduling.k8s.io v1
  priorityclasses         PriorityClass          pc       g
storage.k8s.io v1
  csidrivers              CSIDriver              -        -
  storageclasses          StorageClass           sc       -
resource.k8s.io v1
  deviceclasses           DeviceClass            -        g
  resourceclaims          ResourceClaim          -        ns
  resourceclaimtemplates  ResourceClaimTemplate  -        n
  resourceslices          ResourceSlice          -        g
node.k8s.io v1
  runtimeclasses          RuntimeClass           -        -
admissionregistration.k8s.io v1
  mutatingwebhookconfigurations    MutatingWebhookConfiguration    -  g
  validatingwebhookconfigurations  ValidatingWebhookConfiguration  -  g
apiextensions.k8s.io v1
  customresourcedefinitions  CustomResourceDefinition  crd,crds  sge
"""
_SINGULAR = {"endpoints": "endpoints"}
_MORE_SUBRESOURCES = {
    "pods": ("binding", "eviction", "log", "ephemeralcontainers", "resize"),
    "namespaces": ("finalize",),
}
# events.k8s.io shows the events of the core group in other words; here they are two.
_VERBS = {"namespaces": tuple(verb for verb in ALL_VERBS if verb != "deletecollection")}
_CATEGORIES = {"a": "all", "e": "api-extensions"}


def builtin_resources() -> Iterator[Resource]:
    group = version = ""
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            group, version = line.split()
            group = "" if group == "core" else group
        else:
            yield _resource(group, version, *line.split())


def _resource(group: str, version: str, plural: str, kind: str, short_names: str, flags: str) -> Resource:
    status = ("status",) if "s" in flags else ()
    scale = ("scale",) if "c" in flags else ()
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=_SINGULAR.get(plural, kind.lower()),
        kind=kind,
        namespaced="n" in flags,
        schema=Schema(schema_of(group, version, kind), resolve, bare_is_open=True),
        short_names=() if short_names == "-" else tuple(short_names.split(",")),
        categories=tuple(name for flag, name in _CATEGORIES.items() if flag in flags),
        subresources=frozenset((*status, *scale, *(_MORE_SUBRESOURCES.get(plural, ()) if not group else ()))),
        scale=ScalePaths() if scale else None,
        has_generation="g" in flags,
        verbs=_VERBS.get(plural, ALL_VERBS),
    )
