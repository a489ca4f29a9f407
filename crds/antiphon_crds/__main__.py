"""`python -m antiphon_crds FOLDER REFERENCE`: writes the CRDs and their reference, or says which of them differ."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from antiphon_crds.definitions import DEFINITIONS, custom_resource_definition
from antiphon_crds.derived import add_check, bring
from antiphon_crds.reference import reference

_HEADER = "# Generated from crds/antiphon_crds by `scripts/do generate`. Change the types, not this file.\n"


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out in full, where yaml would write anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def crd_files() -> dict[str, str]:
    """File name -> text, for every kind."""
    return {
        f"{definition.name}.yaml": _HEADER
        + yaml.dump(
            custom_resource_definition(definition), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True
        )
        for definition in DEFINITIONS
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m antiphon_crds", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the CRDs")
    parser.add_argument("reference", type=Path, help="file of the reference")
    add_check(parser)
    options = parser.parse_args(arguments)
    wanted = {options.folder / name: text for name, text in crd_files().items()} | {options.reference: reference()}
    return bring(wanted, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
