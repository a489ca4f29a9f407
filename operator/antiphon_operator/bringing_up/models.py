"""The models that an agent needs on this machine: fetched by the runtime, which is another package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.bringing_up.children import read_json, run_module
from antiphon_operator.objects import Obj
from antiphon_policies.resolution import Resolution

_RUNTIME = "antiphon_runtime"


def default_folder() -> Path:
    """As the runtime has it; a test holds both together."""
    return Path(os.environ.get("ANTIPHON_MODELS") or "~/.cache/antiphon/models").expanduser()


def cpu_models(resolution: Resolution) -> list[Obj]:
    """VoiceModels with just the variants that the agent may run without a GPU and that have files to fetch."""
    found = []
    for stage in resolution.stages:
        names = {each.name for each in stage.variants if each.memory.gpu is None and each.source is not None}
        if names:
            found.append(_narrowed(stage.model, names))
    return found


def _narrowed(model: VoiceModel, names: Iterable[str]) -> Obj:
    manifest = model.to_manifest()
    spec = manifest["spec"]
    kept = [variant for variant in spec["variants"] if variant["name"] in names]
    return {**manifest, "spec": {**spec, "variants": kept}}


async def pull(models: list[Obj], folder: Path) -> int:
    """Bytes that lie there for them. What is missing is fetched; its progress goes to standard error as it comes."""
    if not models:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": models})
    arguments = ["models", "pull", "--cache", str(folder), "-o", "json", "-"]
    output, _ = await run_module(_RUNTIME, arguments, stdin=documents, show=True)
    return sum(int(each.get("sizeBytes") or 0) for each in read_json(output)["variants"])
