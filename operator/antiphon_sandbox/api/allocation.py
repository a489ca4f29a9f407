"""Addresses of Services: each its own, from a range of the loopback network, so that this machine can reach them."""

from __future__ import annotations

import ipaddress
import random

from antiphon_sandbox.api.store import Store
from antiphon_sandbox.objects import Obj, walk

NETWORK = ipaddress.ip_network("127.96.0.0/16")


class ServiceAddresses:
    """Gives out cluster IPs, and takes none twice. It begins anywhere: another sandbox of this machine begins elsewhere."""

    def __init__(self, store: Store, first: int | None = None) -> None:
        self._store = store
        self._next = first or random.randrange(1, NETWORK.num_addresses - 1)  # noqa: S311 (no secret)
        self._taken: set[str] | None = None
        """Those of the store when it was last looked through, and those given out since: some may be free again."""

    def assign(self, resource: str, obj: Obj, old: Obj | None = None) -> None:
        """Gives a Service the address that it had, or one that it lacks; one that is only a name needs none."""
        spec = obj.get("spec") or {}
        if resource != "services" or spec.get("type") == "ExternalName":
            return
        if not spec.get("clusterIP") and (kept := walk(old, "spec", "clusterIP")):
            spec["clusterIP"] = kept
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._free()
        elif self._taken is not None:
            self._taken.add(spec["clusterIP"])
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _free(self) -> str:
        if self._taken is None or len(self._taken) >= NETWORK.num_addresses - 2:
            self._taken = {walk(service, "spec", "clusterIP") for service in self._store.items("services")}
        for _ in range(NETWORK.num_addresses):
            address = str(NETWORK[self._next])
            self._next = self._next % (NETWORK.num_addresses - 2) + 1
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise RuntimeError(f"all addresses of {NETWORK} are taken")
