"""The resources that the operator reads and writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A resource of the API, as its URL and its manifests name it."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


VOICE_AGENTS = Resource("antiphon.dev", "v1alpha1", "voiceagents", "VoiceAgent")
SLA_POLICIES = Resource("antiphon.dev", "v1alpha1", "slapolicies", "SLAPolicy", namespaced=False)
VOICE_MODELS = Resource("antiphon.dev", "v1alpha1", "voicemodels", "VoiceModel", namespaced=False)
GPU_POOLS = Resource("antiphon.dev", "v1alpha1", "gpupools", "GPUPool", namespaced=False)

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
CLAIM_TEMPLATES = Resource("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate")

PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
EVENTS = Resource("", "v1", "events", "Event")
"""Of the core group: the list that kubectl shows. On a real API server the other group's is the same one."""
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
RESOURCE_CLAIMS = Resource("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim")
"""Made by Kubernetes from a template of ours, whose labels they bear."""
RESOURCE_SLICES = Resource("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", namespaced=False)
DEVICE_CLASSES = Resource("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", namespaced=False)
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)

CHILDREN = (
    SERVICE_ACCOUNTS,
    SECRETS,
    CONFIG_MAPS,
    CLAIM_TEMPLATES,
    NETWORK_POLICIES,
    DISRUPTION_BUDGETS,
    SERVICES,
    DEPLOYMENTS,
)
"""What an agent becomes, in the order of writing: a Deployment finds there what its pods need."""
