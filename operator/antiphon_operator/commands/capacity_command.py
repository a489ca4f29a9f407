"""`antiphon capacity`: sessions of a replica, headroom, and where the time of a turn goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import USAGE, fail, run, say, say_json
from antiphon_operator.commands.subjects import SubjectWords, ask_subjects
from antiphon_operator.explaining.operator_reach import Way
from antiphon_operator.sizing.view import CapacityView


def capacity(
    subjects: SubjectWords,
    duty: Annotated[
        str,
        typer.Option(
            "--duty", metavar="PERCENT,...", help="Duty cycles: percent of a session in which the agent works."
        ),
    ] = "20,30,50",
    hardware: Annotated[
        str | None,
        typer.Option(
            "--hardware", metavar="NAME", help="Name of the hardware in profiles. Default: the agent's, else the first."
        ),
    ] = None,
    namespace: Namespace = None,
    output: FormOption = Form.text,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Predict how many sessions one replica holds, what limits it, where the time of a turn goes, and what could be promised.

    From what the operator has learned of a live agent, else from the profiles of its models. Files need no cluster; what they
    name is looked for among them, then among the presets.

    Exit codes: 0 done, 1 no such agent, one that can't run, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    duty_cycles = _duty_cycles(duty)
    views = run(_capacity(subjects, duty_cycles, hardware, namespace, Way(kubeconfig, context)))
    if output is Form.json:
        say_json([view.to_manifest() for view in views])
        return
    from antiphon_operator.sizing.text import capacity as in_words

    for index, view in enumerate(views):
        if index:
            say("")
        say(in_words(view))


async def _capacity(
    words: Sequence[str], duty_cycles: Sequence[float], hardware: str | None, namespace: str | None, way: Way
) -> list[CapacityView]:
    from antiphon_operator.sizing.capacity import capacity_of  # numpy takes time that --help need not

    found = await ask_subjects(words, hardware, namespace, way)
    return [capacity_of(subject, duty_cycles) for subject in found]


def _duty_cycles(text: str) -> list[float]:
    """As shares."""
    try:
        percents = [float(part) for part in text.split(",")]
    except ValueError:
        fail(f"--duty {text!r} has a part that is no number; use for instance 20,30,50", USAGE)
    if wrong := [percent for percent in percents if not 1 <= percent <= 100]:
        fail(f"--duty {wrong[0]:g} is not from 1 to 100 percent; use for instance 20,30,50", USAGE)
    return [percent / 100 for percent in percents]
