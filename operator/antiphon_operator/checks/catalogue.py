"""All checks, in the order in which they are told."""

from __future__ import annotations

from antiphon_operator.checks.api_server import check_api_server, check_clock
from antiphon_operator.checks.check import Check
from antiphon_operator.checks.definitions import check_definitions
from antiphon_operator.checks.gpus import check_dra, check_gpu_nodes, check_mig
from antiphon_operator.checks.operator_running import check_operator
from antiphon_operator.checks.pods import check_pod_security, check_pods
from antiphon_operator.checks.prometheus import check_prometheus
from antiphon_operator.checks.references import check_references, check_storage
from antiphon_operator.checks.rights import check_operator_rights, check_your_rights

CHECKS: tuple[Check, ...] = (
    Check("api-server", "The API server answers, and its version has what Antiphon needs.", check_api_server),
    Check("clock", "Its clock and that of the leading operator agree with yours.", check_clock),
    Check("crds", "The four kinds are installed, served, and those of this version.", check_definitions),
    Check("operator", "The operator runs, one replica leads, and it looks where agents are.", check_operator),
    Check("your-rights", "You may do what the commands of `antiphon` do.", check_your_rights),
    Check("operator-rights", "The operator's service account may do what it does.", check_operator_rights),
    Check("gpu-nodes", "Nodes with GPUs offer them, and are ready.", check_gpu_nodes),
    Check("mig", "GPUs that are cut by MIG have been cut, and offer partitions.", check_mig),
    Check("dra", "Claims of resource.k8s.io/v1 are served where GPUPools ask for them.", check_dra),
    Check("prometheus", "A Prometheus answers, and has metrics of ours.", check_prometheus),
    Check(
        "references", "Policies, models, pools, claims and Secrets that agents name exist and fit.", check_references
    ),
    Check("storage", "Claims on which agents keep models are bound.", check_storage),
    Check("pods", "Pods of agents and operator are neither waiting nor failing.", check_pods),
    Check("pod-security", "Namespaces of agents take pods like theirs: labels, quotas, webhooks.", check_pod_security),
)
FIRST = CHECKS[0]
"""Where it fails the others can't tell anything."""
