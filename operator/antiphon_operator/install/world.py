"""What is installed in a cluster already, and by whom."""

from __future__ import annotations

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.kinds import KINDS
from antiphon_operator.install.labels import HELM, INSTALLED, MANAGED_LABEL, OPERATOR
from antiphon_operator.kube.resources import DEPLOYMENTS, Resource
from antiphon_operator.objects import Obj, annotations_of, labels_of, name_of, namespace_of

Found = tuple[Resource, Obj]


async def refuse_helms(cluster: Cluster) -> None:
    """Two owners of one installation would undo each other's work."""
    for deployment in await cluster.listing(DEPLOYMENTS, labels=OPERATOR):
        if labels_of(deployment).get(MANAGED_LABEL) == HELM:
            release = annotations_of(deployment).get("meta.helm.sh/release-name", name_of(deployment))
            namespace = namespace_of(deployment)
            raise InstallError(
                f"the operator in namespace {namespace} was installed by Helm, as release {release}: use"
                f" `helm upgrade {release} charts/antiphon -n {namespace}`, or `helm uninstall {release} -n {namespace}`"
            )


async def installed(cluster: Cluster) -> list[Found]:
    """All that `antiphon install` has made and that is there, in the order of applying."""
    return [(kind, obj) for kind in KINDS for obj in await cluster.listing(kind, labels=INSTALLED)]


def key_of(resource: Resource, obj: Obj) -> tuple[str, str, str]:
    return resource.kind, namespace_of(obj), name_of(obj)


def words_of(resource: Resource, obj: Obj) -> str:
    """For people, such as `Role calls/antiphon-operator`."""
    namespace = namespace_of(obj)
    return f"{resource.kind} {namespace}/{name_of(obj)}" if namespace else f"{resource.kind} {name_of(obj)}"
