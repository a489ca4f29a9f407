"""How often Python looks for garbage."""

from __future__ import annotations

import subprocess
import sys

from antiphon_operator.operate.garbage import NEW_OBJECTS

_CODE = """
import gc
from antiphon_operator.operate.garbage import look_seldom
look_seldom()
print(gc.get_threshold()[0], gc.isenabled(), gc.get_freeze_count() > 1000)
"""


def test_it_looks_seldom_but_looks() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(NEW_OBJECTS), "True", "True"]
