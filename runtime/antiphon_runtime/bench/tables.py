"""Figures as text for people."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon_runtime.bench.figures import Figures, server_row
from antiphon_runtime.bench.percentiles import Summary
from antiphon_runtime.bench.stage_bench import StageFigures

_MEASURES = ("count", "mean", "p50", "p95", "p99", "max")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(_line(row, widths) for row in (head, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def sessions_text(figures: Figures) -> str:
    """All that a bench of sessions found."""
    parts = [_times(figures), _counts(figures), _sending(figures), _server(figures)]
    return "\n\n".join(part for part in parts if part)


def _times(figures: Figures) -> str:
    rows = {
        "end-of-turn decision to first sound": figures.from_decision_ms,
        "user's last sound to first sound": figures.from_last_sound_ms,
        "user's last sound to decision": figures.decision_ms,
        "barge-in to silence": figures.barge_in_stop_ms,
        "session start": figures.session_start_ms,
    }
    return table(
        ["ms", "turns", *_MEASURES[1:]], [[name, *_summary_cells(found)] for name, found in rows.items() if found]
    )


def _summary_cells(found: Summary) -> list[str]:
    return [str(found.count), *(f"{value:.0f}" for value in (found.mean, found.p50, found.p95, found.p99, found.most))]


def _counts(figures: Figures) -> str:
    all_of_it = figures.as_json()
    sessions, turns, underruns = all_of_it["sessions"], all_of_it["turns"], all_of_it["underruns"]
    over, cut = turns["over"], f"{turns['unfinished']} cut off by the end of the bench"
    asked = f"{sessions['asked']} asked for: {_listed(figures.session_outcomes)}"
    odd = (
        f"{turns['barge_ins']} barge-ins, {turns['missed_barge_ins']} of them not noticed; {turns['answered_early']}"
        f" answers before the user's end, {turns['cut_for_nothing']} stopped for nothing"
    )
    lines = [
        f"sessions   {asked}{_because(sessions['reasons'])}",
        f"turns      {over} over: {_listed(figures.turn_outcomes)}{_because(turns['failures'])}; {cut}",
        f"oddities   {odd}",
        f"underruns  {underruns['gaps']} gaps in {underruns['turns']} of {over} turns",
    ]
    if sessions["errors"]:
        lines.append(f"errors     {_listed(sessions['errors'])}")
    if all_of_it["word_error_rate"] is not None:
        lines.append(f"word error rate  {all_of_it['word_error_rate']:.1%}")
    return "\n".join(lines)


def _because(reasons: dict[str, int]) -> str:
    return f" ({_listed(reasons)})" if reasons else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _sending(figures: Figures) -> str:
    sent = figures.measured.lateness.as_json()
    frames = (
        f"frames     {sent['frames']} sent, {sent['late_frames']} later than a frame's length, {sent['slipped_frames']}"
        f" left out; late by p95 {sent['p95_ms']} p99 {sent['p99_ms']} max {sent['max_ms']} ms"
    )
    lines = [frames, f"driver     {figures.measured.driver_cpu_percent:.0f} % of a core"]
    if not sent["kept_real_time"]:
        lines.append("WARNING    the driver did not keep real time: the figures say little of the server")
    return "\n".join(lines)


def _server(figures: Figures) -> str:
    found = [server_row(key, histogram) for key, histogram in sorted(figures.measured.server.items())]
    if not found:
        return ""
    rows = [[_name(row["metric"], row["labels"]), *_server_cells(row)] for row in found]
    return table(["the server says (estimated from buckets)", "count", "mean", "p50", "p95", "p99"], rows)


def _name(metric: str, labels: dict[str, str]) -> str:
    runs = " ".join(labels[name] for name in ("stage", "model", "variant") if name in labels)
    others = [value for name, value in labels.items() if name not in ("stage", "model", "variant", "emulated")]
    emulated = ["emulated"] if labels.get("emulated") == "true" else []
    unit = " [ms]" if metric.endswith("_seconds") else ""
    name = metric.removeprefix("antiphon_").removesuffix("_seconds")
    return " ".join([f"{name}{unit}", *([runs] if runs else []), *others, *emulated])


def _server_cells(row: dict[str, float]) -> list[str]:
    scale = 1e3 if str(row["metric"]).endswith("_seconds") else 1
    return [str(row["count"]), *(f"{row[name] * scale:.1f}" for name in ("mean", "p50", "p95", "p99"))]


def stage_text(figures: StageFigures) -> str:
    """A row a batch size, and the line through them."""
    rows = [_stage_row(figures, size) for size in figures.runs]
    rates = [name.replace("_per_second", "/s").replace("_", " ") for name in figures.rates(next(iter(figures.runs)))]
    head = ["batch", "runs", "mean ms", "p50", "p95", "p99", "min", "max", "line", *rates]
    lines = [f"one item: {figures.item}", "", table(head, rows), "", _line_text(figures)]
    if figures.left_out:
        lines.append(f"batches of {', '.join(map(str, figures.left_out))}: more than the engine takes at once")
    return "\n".join(lines)


def _stage_row(figures: StageFigures, size: int) -> list[str]:
    found = figures.times_ms(size)
    times = (found.mean, found.p50, found.p95, found.p99, found.least, found.most, figures.line_ms.at(size))
    return [
        str(size),
        str(found.count),
        *(f"{value:.2f}" for value in times),
        *(f"{value:.1f}" for value in figures.rates(size).values()),
    ]


def _line_text(figures: StageFigures) -> str:
    line, steps = figures.line_ms, figures.step_line_ms
    text = f"a batch of n takes {line.alpha:.3f} + {line.beta:.3f} x n ms, with a spread of {figures.noise:.1%}"
    if steps is not None:
        text += f"; each later {figures.step} {steps.alpha:.3f} + {steps.beta:.3f} x n ms"
    return text
