"""The contract's speed, beside the packaged CEL implementations: why we evaluate CEL ourselves, in figures.

python tests/bench/contract.py [--json]     (`scripts/do bench` installs the peers first)
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from manifest_files import right_documents  # noqa: E402
from offline_apiserver import evaluate_cel, schema_of  # noqa: E402

from antiphon_crds.cel import compile_expression  # noqa: E402
from antiphon_crds.manifests import load  # noqa: E402

_PEERS = {"antiphon_crds.cel": "antiphon_crds.cel", "cel_expr_python": "cel_expr_python.cel", "cel (Rust)": "cel"}


def _import_seconds(module: str) -> float:
    """Median of five fresh interpreters, less the interpreter's own start."""
    script = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def _installed_mib(module: str) -> float:
    """Size of the module's package; of our evaluator, of its one file and the one that it imports."""
    if module == "antiphon_crds.cel":
        folder = REPOSITORY / "crds" / "antiphon_crds"
        files = [folder / "cel.py", folder / "durations.py"]
    else:
        spec = importlib.util.find_spec(module.partition(".")[0])
        assert spec is not None
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 2**20


def _evaluations(kind: str, spec: Any) -> list[tuple[str, Any]]:
    return [(rule["rule"], spec) for rule in schema_of(kind)["properties"]["spec"]["x-kubernetes-validations"]]


def _microseconds(evaluate: Callable[[str, Any], Any], work: list[tuple[str, Any]]) -> float:
    """Median time of one evaluation, over seven rounds after one to warm up."""
    rounds: list[float] = []
    for _ in range(8):
        started = time.perf_counter()
        for expression, value in work:
            evaluate(expression, value)
        rounds.append((time.perf_counter() - started) / len(work) * 1e6)
    return statistics.median(rounds[1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    documents = right_documents()
    objects: list[Any] = [load(document).object for document in documents]
    typed = [work for found in objects for work in _evaluations(found.kind, found.spec)]
    plain = [work for found in objects for work in _evaluations(found.kind, found.spec.to_manifest())]
    evaluators: dict[str, Callable[[], float]] = {
        "antiphon_crds.cel": lambda: _microseconds(lambda text, value: compile_expression(text).evaluate(value), typed),
        "cel_expr_python": lambda: _microseconds(evaluate_cel, plain),
        "cel (Rust)": lambda: _rust_microseconds(plain),
    }
    figures: dict[str, dict[str, float]] = {}
    for name, module in _PEERS.items():
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            print(f"{name}: not installed; `scripts/do bench` installs it")
            continue
        figures[name] = {"mib": _installed_mib(module), "import_s": _import_seconds(module), "us": evaluators[name]()}
    _print(figures)
    started = time.perf_counter()
    for document in documents:
        load(document)
    per_object = (time.perf_counter() - started) / len(documents) * 1e3
    print(f"\n{len(documents)} presets and examples: {per_object:.2f} ms to validate one, every rule included")
    if options.json:
        print(json.dumps({"validate_ms": per_object, "evaluators": figures}))
    return 0


def _rust_microseconds(work: list[tuple[str, Any]]) -> float:
    import cel

    programs = {expression: cel.compile(expression) for expression, _ in work}
    return _microseconds(lambda text, value: programs[text].execute({"self": value}), work)


def _print(figures: dict[str, dict[str, float]]) -> None:
    ours = figures["antiphon_crds.cel"]
    print(f"{'evaluator':<20}{'MiB':>8}{'import s':>10}{'us a rule':>11}{'x ours':>8}")
    for name, figure in figures.items():
        ratio = figure["us"] / ours["us"]
        print(f"{name:<20}{figure['mib']:>8.2f}{figure['import_s']:>10.3f}{figure['us']:>11.1f}{ratio:>8.1f}")


if __name__ == "__main__":
    sys.exit(main())
