"""Placeholder until the helper who owns this file replaces it."""
from typing import Any
def table(*a: Any, **k: Any) -> Any:
    return {"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":a[2],"columnDefinitions":[],"rows":[]}
