"""The page at `/`: talk to the agent from a browser. Plain modules, served as they are."""

from antiphon_runtime.page.files import page_routes

__all__ = ["page_routes"]
