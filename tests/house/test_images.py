"""A wheel for each image: only the folders that the image copies, and no package of the other side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Image:
    """What an image copies and installs, and what must not be in it."""

    name: str
    folders: tuple[str, ...]
    extra: str
    packages: tuple[str, ...]
    forbidden: tuple[str, ...]
    command: tuple[str, ...]


OPERATOR = Image(
    "operator",
    ("crds", "policies", "operator/antiphon_operator"),
    "operator",
    ("antiphon_crds", "antiphon_policies", "antiphon_operator"),
    ("antiphon_runtime", "antiphon_sandbox", "fastapi", "uvicorn", "torch", "onnxruntime", "cel_expr_python"),
    ("antiphon", "validate", "--help"),
)
RUNTIME = Image(
    "runtime",
    ("crds", "runtime"),
    "runtime",
    ("antiphon_crds", "antiphon_runtime"),
    ("antiphon_operator", "antiphon_policies", "antiphon_sandbox", "kopf", "kubernetes", "aiohttp", "typer"),
    ("antiphon-runtime", "check", "--help"),
)

_IMPORT_ALL = """
import importlib, pkgutil, sys, time
started = time.perf_counter()
for package in sys.argv[1:]:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(f"{time.perf_counter() - started:.3f}")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@dataclass(frozen=True)
class Built:
    wheel: Path
    bin: Path
    site: Path


@pytest.fixture(scope="module", params=[OPERATOR, RUNTIME], ids=lambda image: image.name)
def image(request: pytest.FixtureRequest) -> Image:
    found: Image = request.param
    return found


@pytest.fixture(scope="module")
def built(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The image's build, in a folder that has only what it copies, and its install into a fresh environment."""
    folder = tmp_path_factory.mktemp(image.name)
    source = folder / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, source / name)
    for name in image.folders:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist"), str(source))
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "--quiet", f"{wheel}[{image.extra}]")
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    return Built(wheel, python.parent, site)


def _run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_wheel_has_the_images_packages_only(image: Image, built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(image.packages)


def test_everything_imports_and_nothing_of_the_other_side_is_there(
    image: Image, built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, loaded = _run(str(built.bin / "python"), "-c", _IMPORT_ALL, *image.packages).splitlines()
    assert not set(image.forbidden) & set(loaded.split())
    assert not [name for name in image.forbidden if (built.site / name).exists()]
    pip = sum(_size(folder) for folder in built.site.glob("pip*"))
    with capsys.disabled():
        print(
            f"\n{image.name}: wheel {built.wheel.stat().st_size / 1024:.0f} KiB,"
            f" installed {(_size(built.site) - pip) / 2**20:.1f} MiB, all modules import in {seconds} s"
        )


def test_its_command_answers(image: Image, built: Built) -> None:
    program, *arguments = image.command
    assert "usage" in _run(str(built.bin / program), *arguments).lower()
