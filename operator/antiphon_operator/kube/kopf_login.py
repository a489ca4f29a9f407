"""kopf's way to the API server: over our connections, under our throttle, counted with our requests."""

from __future__ import annotations

import kopf

from antiphon_operator.kube.session import Connection


def kopf_credentials(connection: Connection) -> kopf.AiohttpSession:
    """What a login handler returns. kopf closes the session in it, and asks for another when it is refused."""
    return kopf.AiohttpSession(
        aiohttp_session=connection.new_session(),
        server=connection.access.server,
        default_namespace=connection.access.default_namespace,
    )
