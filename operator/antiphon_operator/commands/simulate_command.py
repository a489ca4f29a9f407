"""`antiphon simulate`: what becomes of an agent under traffic that it does not have yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import FAILED, USAGE, CommandError, fail, progress_console, run, say, say_json
from antiphon_operator.commands.subjects import SubjectWords, ask_subjects
from antiphon_operator.explaining.operator_reach import Way

if TYPE_CHECKING:
    from antiphon_operator.rehearsing.running import Question, Rehearsed, Tell
    from antiphon_operator.rehearsing.subject import Subject
    from antiphon_operator.rehearsing.view import SimulationView

_USUAL_SESSIONS = 50.0


@dataclass(frozen=True)
class _Asked:
    """What the command line says of the simulation."""

    trace: str
    sessions: float | None
    hours: float | None
    seed: int
    what_if: Sequence[str]
    controllers: Sequence[str]
    compare: bool
    plot: Path | None


def simulate(
    subjects: SubjectWords,
    trace: Annotated[
        str,
        typer.Option(
            "--trace",
            metavar="FILE.csv|KIND",
            help="Calls of a CSV with a column TIMESTAMP, or steady, diurnal, burst, ramp, flash-crowd or on-off.",
        ),
    ] = "steady",
    sessions: Annotated[
        float | None,
        typer.Option(
            "--sessions",
            metavar="N",
            min=1,
            help="Live sessions at the peak; of steady and a CSV on average. Default: a live agent's own, else 50.",
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            "--hours", metavar="H", min=0.01, help="How long. Default: a day of diurnal, all of a CSV, else 1."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Of all that is drawn by chance.")] = 1,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="WORDS",
            help="Also simulate with: sessions x2, start 120s, replicas 4, variant llm=fp16, replica dies at 10m,"
            " metrics gone at 10m for 5m. May be given again.",
        ),
    ] = None,
    controller: Annotated[
        list[str] | None,
        typer.Option(
            "--controller",
            metavar="NAME[=KNOB]",
            help="antiphon, static, hpa, keda-queue, keda-p95 or queueing, such as hpa=0.3. May be given again.",
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Simulate all controllers, side by side.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw it. Of several runs each has its own file.")
    ] = None,
    namespace: Namespace = None,
    output: FormOption = Form.text,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Simulate an agent under traffic, with the operator's own control loop or with other autoscalers.

    Sessions, turns, stages, batches, cold starts and drains are simulated event by event, from the models' profiles or what the
    operator has learned. The same seed gives the same figures. The other autoscalers run the best variants with the usual knobs,
    untuned.

    Exit codes: 0 done, 1 no such agent, one that can't run, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    if plot and not plot.parent.is_dir():
        fail(f"--plot {plot} can't be written: there is no folder {plot.parent}", USAGE)
    asked = _Asked(trace, sessions, hours, seed, what_if or (), controller or ("antiphon",), compare, plot)
    found = run(ask_subjects(subjects, None, namespace, Way(kubeconfig, context)))
    view = run(_simulated(found, asked))
    if output is Form.json:
        say_json(view.to_manifest())
        return
    from antiphon_operator.rehearsing.text import simulation

    say(simulation(view))


async def _simulated(found: list[Subject], asked: _Asked) -> SimulationView:
    from antiphon_operator.rehearsing.errors import RehearsalError
    from antiphon_operator.rehearsing.running import rehearse
    from antiphon_operator.rehearsing.viewing import simulation_of

    try:
        question = _question(found, asked)
        with _progress() as tell:
            done = list(rehearse(question, tell))
    except RehearsalError as error:
        raise CommandError(str(error), USAGE if error.usage else FAILED) from error
    return simulation_of(question, done, _plotted(asked.plot, question, done) if asked.plot else {})


def _question(found: list[Subject], asked: _Asked) -> Question:
    from antiphon_operator.rehearsing.controllers import NAMES, wanted_of
    from antiphon_operator.rehearsing.running import Question
    from antiphon_operator.rehearsing.traffic import TrafficWish

    if len(found) > 1:
        names = ", ".join(subject.name for subject in found)
        raise CommandError(f"the files have {len(found)} VoiceAgents ({names}); give the file of one", USAGE)
    (subject,) = found
    live = subject.now.sessions if subject.now else None
    wish = TrafficWish(asked.trace, asked.sessions or live or _USUAL_SESSIONS, asked.hours)
    names_wanted = NAMES if asked.compare else asked.controllers
    return Question(subject, wish, [wanted_of(name) for name in names_wanted], asked.what_if, asked.seed)


def _plotted(file: Path, question: Question, done: Sequence[Rehearsed]) -> dict[int, str]:
    """The files, by the place of the run."""
    from antiphon_operator.plotting.drawing import svg_of
    from antiphon_operator.rehearsing.samples import picture_of

    written = {}
    for place, each in enumerate(done):
        path = file if place == 0 else file.with_stem(f"{file.stem}-{place + 1}-{each.controller.name}")
        title = f"{question.subject.namespace}/{question.subject.name}: {each.traffic.trace.name}, {each.case}"
        picture = picture_of(
            each.run, each.facts, title, f"simulated with {each.controller.words}, seed {question.seed}"
        )
        try:
            path.write_text(svg_of(picture), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--plot {path} can't be written: {error.strerror or error}", USAGE) from error
        written[place] = str(path)
    return written


@contextmanager
def _progress() -> Iterator[Tell]:
    """On standard error, and only where that is a terminal."""
    console = progress_console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks = {}

        def tell(label: str, share: float) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label, total=1.0)
            progress.update(tasks[label], completed=min(share, 1.0))

        yield tell
