"""The images: their install steps as the Containerfiles have them, in a folder with only what these copy."""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from containerfiles import Instruction, copies_of_the_context, of_word, read_containerfile, variables, words_of

REPOSITORY = Path(__file__).parents[2]
BUILD, FINAL = 0, 1


@dataclass(frozen=True)
class Image:
    """What must be in an image, and what must not."""

    name: str
    packages: tuple[str, ...]
    forbidden: tuple[str, ...]
    check: tuple[str, ...]
    """Arguments to which its entry point answers with its usage."""

    @property
    def file(self) -> Path:
        return REPOSITORY / f"Containerfile.{self.name}"

    @property
    def instructions(self) -> list[Instruction]:
        return read_containerfile(self.file)


OPERATOR = Image(
    "operator",
    ("antiphon_crds", "antiphon_policies", "antiphon_operator"),
    ("antiphon_runtime", "antiphon_sandbox", "fastapi", "uvicorn", "torch", "onnxruntime", "cel_expr_python"),
    ("operator", "--help"),
)
RUNTIME = Image(
    "runtime",
    ("antiphon_crds", "antiphon_runtime"),
    ("antiphon_operator", "antiphon_policies", "antiphon_sandbox", "kopf", "kubernetes", "aiohttp", "typer"),
    ("serve", "--help"),
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
_NOT_HERE = {"UV_NO_CACHE", "UV_COMPILE_BYTECODE", "UV_PROJECT_ENVIRONMENT"}
"""Of the Containerfile's variables: they cost time, or name the image's folders."""


@dataclass(frozen=True)
class Built:
    """The environment that the image would have."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def site(self) -> Path:
        (site,) = (self.folder / "lib").glob("python*/site-packages")
        return site

    def files(self) -> list[str]:
        """Of our own wheel."""
        (record,) = self.site.glob("antiphon-*.dist-info/RECORD")
        return [row[0] for row in csv.reader(record.read_text().splitlines())]


@pytest.fixture(scope="module", params=[OPERATOR, RUNTIME], ids=lambda image: image.name)
def image(request: pytest.FixtureRequest) -> Image:
    found: Image = request.param
    return found


@pytest.fixture(scope="module")
def built(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """COPY and RUN of the first stage, one after the other. uv itself is the one of the tests."""
    folder = tmp_path_factory.mktemp(image.name)
    context, environment = folder / "build", folder / "env"
    context.mkdir()
    values = variables("ARG", image.instructions, BUILD)
    given = {k: v for k, v in variables("ENV", image.instructions, BUILD).items() if k not in _NOT_HERE}
    for each in image.instructions:
        if each.stage != BUILD:
            break
        if each.word == "COPY":
            _copy(each, context)
        if each.word == "RUN" and each.text.startswith("uv "):
            _run(*_with_our_uv(each.text, values), cwd=context, UV_PROJECT_ENVIRONMENT=str(environment), **given)
    return Built(environment)


def _copy(instruction: Instruction, context: Path) -> None:
    sources, target = instruction.copied
    for source in sources:
        if (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, context / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / source, context / target)


def _with_our_uv(command: str, values: dict[str, str]) -> list[str]:
    _, *arguments = words_of(command, values)
    beside = Path(sys.executable).with_name("uv")
    return [str(beside) if beside.exists() else "uv", *arguments, "--python", sys.executable]


def _run(*command: str, cwd: Path = Path("/"), **more: str) -> str:
    ours = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, capture_output=True, text=True, env={**ours, **more}, cwd=cwd)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_it_has_the_images_packages_only(image: Image, built: Built) -> None:
    top = {name.partition("/")[0] for name in built.files() if not name.startswith("../")}
    assert {name for name in top if not name.endswith(".dist-info")} == set(image.packages)


def test_everything_imports_and_nothing_of_the_other_side_is_there(
    image: Image, built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, loaded = _run(str(built.bin / "python"), "-c", _IMPORT_ALL, *image.packages).splitlines()
    assert not set(image.forbidden) & set(loaded.split())
    assert not [name for name in image.forbidden if (built.site / name).exists()]
    with capsys.disabled():
        print(f"\n{image.name}: {_size(built.site) / 2**20:.0f} MiB, all modules import in {seconds} s")


def test_its_command_answers(image: Image, built: Built) -> None:
    (program,) = json.loads(of_word("ENTRYPOINT", image.instructions)[0].text)
    assert "usage" in _run(str(built.bin / program), *image.check).lower()


def test_the_operators_image_brings_what_install_applies(image: Image, built: Built) -> None:
    if image is OPERATOR:
        wanted = ("antiphon_operator/install/manifests.yaml", "antiphon_policies/presets/sla-conversational.yaml")
        assert set(wanted) <= set(built.files())


def test_bases_are_pinned_and_the_same(image: Image) -> None:
    bases = [each.text.removesuffix(" AS build") for each in of_word("FROM", image.instructions)]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", bases[0])


def test_it_does_not_run_as_root_and_is_cached_nowhere(image: Image) -> None:
    (user,) = of_word("USER", image.instructions, FINAL)
    template = importlib.import_module("antiphon_operator.rendering.pod_template")
    assert user.text == f"{template._USER}:{template._USER}"
    environment = variables("ENV", image.instructions, BUILD)
    assert environment["UV_NO_CACHE"] == "1"
    assert all(
        "--no-cache-dir" in each.text for each in of_word("RUN", image.instructions) if "pip install" in each.text
    )
    assert "HEALTHCHECK" not in {each.word for each in image.instructions}


def test_nothing_of_the_build_but_the_environment_is_in_the_image(image: Image) -> None:
    (copied,) = of_word("COPY", image.instructions, FINAL)
    folder = variables("ENV", image.instructions, BUILD)["UV_PROJECT_ENVIRONMENT"]
    assert copied.text == f"--from=build {folder} {folder}"
    assert variables("ENV", image.instructions, FINAL)["PATH"].split(":")[0] == f"{folder}/bin"


def test_the_ignore_file_lets_through_what_is_copied_and_no_more() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    files = (OPERATOR.instructions, RUNTIME.instructions)
    assert let_through == {
        source for file in files for each in copies_of_the_context(file) for source in each.copied[0]
    }
    assert "*" in lines


def test_arguments_are_extras_and_uv_is_what_scripts_take(image: Image) -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(variables("ARG", image.instructions, BUILD).values()) <= set(extras)
    syncs = [each.text for each in of_word("RUN", image.instructions, BUILD) if each.text.startswith("uv sync ")]
    assert len(syncs) == 2
    assert all("--locked" in sync for sync in syncs)
    assert "--no-editable" in syncs[-1]


def test_the_charts_arguments_follow_the_entry_point() -> None:
    """The chart gives `args`: they take the place of CMD."""
    assert json.loads(of_word("CMD", OPERATOR.instructions)[0].text) == ["operator"]
    manifests = yaml.safe_load_all((REPOSITORY / "operator/antiphon_operator/install/manifests.yaml").read_text())
    (deployment,) = [obj for obj in manifests if obj["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "command" not in container
    assert container["args"][0] == "operator"
    assert fnmatch(container["image"], "*/antiphon-operator:*")


HADOLINT = shutil.which(
    "hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


@pytest.mark.skipif(HADOLINT is None, reason="there is no hadolint for this machine")
def test_hadolint_has_nothing_to_say(image: Image) -> None:
    done = subprocess.run([str(HADOLINT), str(image.file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
