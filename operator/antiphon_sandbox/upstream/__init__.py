"""What Kubernetes itself says of its built-in kinds: OpenAPI schemas and protobuf field numbers."""

from antiphon_sandbox.upstream.definitions import (
    KUBERNETES_VERSION,
    definition,
    definition_names,
    described,
    name_of_kind,
    protobuf_messages,
    resolve,
    schema_of,
)

__all__ = [
    "KUBERNETES_VERSION",
    "definition",
    "definition_names",
    "described",
    "name_of_kind",
    "protobuf_messages",
    "resolve",
    "schema_of",
]
