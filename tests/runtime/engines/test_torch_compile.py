"""The compiler is the real one, on the CPU, where torch and a C++ compiler are installed."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_crds.voicemodel import Variant, VoiceModelSpec
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.torch_compile import Plan, compiled, plan_of, set_tf32

_POLICIES = Path(__file__).parents[3] / "policies"
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++")


def _variant(**options: Any) -> Variant:
    given = {"name": "v", "engine": "transformers", "source": {"path": {"path": "/m"}}, "memory": {"host": "1Gi"}}
    return Variant.model_validate(given | {"options": options})


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        ({}, Plan(())),
        ({"compile": True}, Plan(("mode", "options", "plain"))),
        ({"compile": False}, Plan(())),
        ({"compile": ["plain", "mode"], "compileMode": "max-autotune"}, Plan(("plain", "mode"), "max-autotune")),
        ({"cudaGraphs": True}, Plan((), "reduce-overhead", {"triton.cudagraphs": True})),
        ({"cudaGraphs": False}, Plan((), "default", {"triton.cudagraphs": False})),
        (
            {"cudaGraphs": False, "compileMode": "max-autotune", "compileOptions": {"triton.cudagraphs": True}},
            Plan((), "max-autotune-no-cudagraphs", {"triton.cudagraphs": False}),
        ),
        (
            {"cudaGraphs": True, "compileOptions": {"shape_padding": True}, "tf32": True},
            Plan((), "reduce-overhead", {"triton.cudagraphs": True, "shape_padding": True}, tf32=True),
        ),
    ],
)
def test_options_become_a_plan(options: dict[str, Any], plan: Plan) -> None:
    assert plan_of(_variant(**options)) == plan


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compile": "mode"}, "compile is 'mode'; give a list of mode, options, plain"),
        ({"compile": ["fast"]}, "compile is"),
        ({"compileMode": "fast"}, "compileMode is 'fast'; give one of default, reduce-overhead"),
        ({"compileOptions": ["x"]}, "compileOptions is"),
        ({"cudaGraphs": "yes"}, "cudaGraphs is 'yes'; give true or false"),
        ({"tf32": 1}, "tf32 is 1; give true or false"),
    ],
)
def test_an_option_that_can_not_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineError, match=told):
        plan_of(_variant(**options))


def test_the_policies_own_variants_have_plans() -> None:
    plans = []
    for path in sorted(_POLICIES.glob("models-gpu-*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            variants = VoiceModelSpec.model_validate(document["spec"]).variants
            plans += [plan_of(variant) for variant in variants if "compile" in variant.options]
    assert any(plan.ways for plan in plans)


@pytest.fixture
def torch() -> Iterator[Any]:
    found: Any = pytest.importorskip("torch")
    before = found.get_float32_matmul_precision(), found.backends.cudnn.allow_tf32
    yield found
    found.set_float32_matmul_precision(before[0])
    found.backends.cudnn.allow_tf32 = before[1]
    found.compiler.reset()


@pytest.fixture
def layer(torch: Any) -> Any:
    found = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU())
    return found.eval()


def _same(torch: Any, found: Any, layer: Any, example: Any) -> bool:
    with torch.inference_mode():
        return bool(torch.allclose(found(example), layer(example), atol=1e-5))


@needs_torch
@needs_compiler
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("plan", "how", "failed"),
    [
        (Plan(("mode", "options", "plain"), "default"), "mode", []),
        (Plan(("mode", "options"), "no-such-mode", {"epilogue_fusion": True}), "options", ["mode"]),
        (Plan(("mode", "options", "plain"), "no-such-mode", {"no.such": 1}), "plain", ["mode", "options"]),
        (Plan(("mode", "options"), "no-such-mode", {"no.such": 1}), "eager", ["mode", "options"]),
        (Plan(()), "eager", []),
    ],
)
def test_the_first_way_that_holds_is_taken(
    torch: Any, layer: Any, plan: Plan, how: str, failed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    example = torch.randn(2, 8)
    with caplog.at_level(logging.INFO):
        found = compiled("layer", layer, (example,), plan)
    assert found.how == how
    assert [failure.how for failure in found.failures] == failed
    assert _same(torch, found.module, layer, example)
    assert caplog.text.count("layer can't be compiled by") == len(failed)
    assert f"layer runs {'eager' if how == 'eager' else f'compiled by {how}'}" in caplog.text


@needs_torch
@pytest.mark.filterwarnings("ignore")
def test_an_error_that_comes_with_the_first_call_is_found(
    torch: Any, layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler's own program is missing: torch.compile itself raises nothing, its first call does."""
    inductor = importlib.import_module("torch._inductor.config")
    monkeypatch.setattr(inductor.cpp, "cxx", (None, "no-such-compiler"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(inductor, "force_disable_caches", True)
    example = torch.randn(3, 8)
    found = compiled("layer", layer, (example,), Plan(("plain",)))
    assert found.how == "eager"
    assert [failure.how for failure in found.failures] == ["plain"]
    assert _same(torch, found.module, layer, example)


@needs_torch
def test_an_error_of_the_module_itself_is_raised(torch: Any, layer: Any) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        compiled("layer", layer, (torch.randn(2, 9),), Plan(()))


@needs_torch
@pytest.mark.parametrize("wanted", [True, False])
def test_tf32_is_set_as_wanted(torch: Any, wanted: bool) -> None:
    set_tf32(wanted)
    assert torch.get_float32_matmul_precision() == ("high" if wanted else "highest")
    assert torch.backends.cudnn.allow_tf32 is wanted
    set_tf32(None)
    assert torch.backends.cudnn.allow_tf32 is wanted


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_its_remedy_is_named() -> None:
    with pytest.raises(EngineError, match="install it with: pip install torch"):
        compiled("layer", str, (), Plan(()))
