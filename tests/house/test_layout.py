"""The shape of the house, so that nobody breaks it by accident."""

from __future__ import annotations

import importlib
import operator
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {
    "antiphon_crds": "crds",
    "antiphon_policies": "policies",
    "antiphon_operator": "operator",
    "antiphon_sandbox": "operator",
    "antiphon_runtime": "runtime",
}
_PACKAGE_FOLDERS = [REPOSITORY / folder / package for package, folder in PACKAGES.items()]


def test_nothing_shadows_pythons_operator() -> None:
    assert Path(operator.__file__).parent == Path(re.__file__).parent.parent
    for folder in {REPOSITORY / folder for folder in PACKAGES.values()}:
        assert list(folder.glob("*.py")) == [], f"{folder} is no package; put modules into the packages below it"


def test_the_tests_are_no_packages() -> None:
    assert list((REPOSITORY / "tests").rglob("__init__.py")) == []
    names = {path.name for path in (REPOSITORY / "tests").iterdir()}
    assert "operator" not in names, "tests/operator would be found as `operator` by tools that search tests/"


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    modules = [path for folder in _PACKAGE_FOLDERS for path in folder.rglob("*.py") if not path.stem.startswith("__")]
    assert modules
    assert [str(path) for path in modules if path.stem in sys.stdlib_module_names] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports(package: str) -> None:
    found = importlib.import_module(package)
    names = [module.name for module in pkgutil.walk_packages(found.__path__, f"{package}.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)


def test_the_pure_packages_load_no_framework() -> None:
    """Beside import-linter, which reads our imports: what comes with them in fact."""
    script = (
        "import antiphon_crds.definitions, antiphon_crds.manifests, antiphon_policies.resolution, sys;"
        "print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    packages = {name.partition(".")[0] for name in loaded}
    assert not packages & {"kopf", "aiohttp", "httpx", "kubernetes", "typer", "rich", "fastapi", "antiphon_operator"}


def test_no_file_is_more_than_one_concern() -> None:
    lengths = {path: len(path.read_text().splitlines()) for folder in _PACKAGE_FOLDERS for path in folder.rglob("*.py")}
    assert {str(path): lines for path, lines in lengths.items() if lines > 400} == {}, "split it, by concern"


def test_readme_commands_are_real() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    script = (REPOSITORY / "scripts" / "do").read_text()
    tasks = set(re.findall(r"scripts/do ([a-z]+)", readme))
    assert {"up", "test"} <= tasks
    assert tasks <= set(re.findall(r"^task_([a-z]+)\(\)", script, re.MULTILINE))


def test_readme_output_is_what_the_commands_print() -> None:
    blocks = re.findall(
        r"```console\n\$ antiphon ([^\n]*)\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    assert blocks
    for arguments, expected in blocks:
        command = [sys.executable, "-m", "antiphon_operator", *arguments.split()]
        environment = {**os.environ, "COLUMNS": "80"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment)
        assert [line.rstrip() for line in done.stdout.splitlines()] == expected.splitlines(), arguments


def test_the_lock_file_is_up_to_date() -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("no uv in this environment; the lock file is not checked")
    checked = subprocess.run([uv, "lock", "--check", "--offline"], cwd=REPOSITORY, capture_output=True, text=True)
    if "network" in checked.stderr.lower() or "offline" in checked.stderr.lower():
        pytest.skip("uv has no metadata at hand")
    assert checked.returncode == 0, checked.stderr
