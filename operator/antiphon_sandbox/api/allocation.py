"""Addresses of Services: each its own, from a range of the loopback network, so that this machine can reach them."""

from __future__ import annotations

import ipaddress

from antiphon_sandbox.api.store import Store
from antiphon_sandbox.objects import Obj, walk

NETWORK = ipaddress.ip_network("127.96.0.0/16")


class ServiceAddresses:
    """Gives out cluster IPs, and takes none twice."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 1

    def assign(self, resource: str, obj: Obj, old: Obj | None = None) -> None:
        """Gives a Service the address that it had, or one that it lacks; one that is only a name needs none."""
        spec = obj.get("spec") or {}
        if resource != "services" or spec.get("type") == "ExternalName":
            return
        if not spec.get("clusterIP") and (kept := walk(old, "spec", "clusterIP")):
            spec["clusterIP"] = kept
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._free()
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _free(self) -> str:
        taken = {walk(service, "spec", "clusterIP") for service in self._store.items("services")}
        for _ in range(NETWORK.num_addresses):
            address = str(NETWORK[self._next])
            self._next = self._next % (NETWORK.num_addresses - 2) + 1
            if address not in taken:
                return address
        raise RuntimeError(f"all addresses of {NETWORK} are taken")
