"""The contract's scalar types: names, durations, quantities, cron lines, references."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from antiphon_crds.base import ListSet, drop_nulls
from antiphon_crds.durations import CPU_PATTERN, DURATION_PATTERN, QUANTITY_PATTERN
from antiphon_crds.rules import Check, Rule

ADVICE: dict[str, str] = {}
"""What to write instead of a text that does not match, by pattern; `text` fills it."""


def text(pattern: str, advice: str, *, most: int) -> Any:
    """The form of a text, and what to say to who does not keep to it.

    Patterns name their characters: what `\\s` or `\\w` stand for differs between Go and Rust.
    """
    ADVICE[pattern] = advice
    return Field(max_length=most, pattern=pattern)


# --- names ---------------------------------------------------------------------------------------------------------
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_NAME_BEGIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*-*$"
_LABEL = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_LANGUAGE = r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*|multilingual)$"
_IMAGE = r"^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?$"
_RELATIVE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
_REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"

ObjectName = Annotated[str, text(_NAME, "a Kubernetes name: a-z, 0-9, - and ., such as silero-vad", most=253)]
NameBeginning = Annotated[str, text(_NAME_BEGIN, "the beginning of a Kubernetes name, such as voice-", most=248)]
ItemName = Annotated[str, text(_NAME, "a Kubernetes name: a-z, 0-9, - and ., such as silero-vad", most=63)]
GroupName = Annotated[str, text(_LABEL, "a-z, 0-9 and -, a letter first, such as voice", most=20)]
LabelValue = Annotated[str, text(_LABEL_VALUE, "a label's value: A-Z, a-z, 0-9, -, _ and .", most=63)]
LABEL_KEYS = Rule(
    "self.all(key, key.matches('^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",
    "one of the keys {self.map(key, key)} is no label's key; use a name of at most 63 of A-Z, a-z, 0-9, -, _ and .,"
    " with a DNS prefix before it if any, such as nvidia.com/gpu.product",
)
AnnotationMap = Annotated[dict[str, str], Check(LABEL_KEYS), BeforeValidator(drop_nulls)]
LabelMap = Annotated[dict[str, LabelValue], Check(LABEL_KEYS), BeforeValidator(drop_nulls)]
Labels = Annotated[dict[str, LabelValue], Field(max_length=32), Check(LABEL_KEYS), BeforeValidator(drop_nulls)]
SomeLabels = Annotated[
    dict[str, LabelValue], Field(min_length=1, max_length=32), Check(LABEL_KEYS), BeforeValidator(drop_nulls)
]
ShortText = Annotated[str, Field(max_length=256)]
LongText = Annotated[str, Field(max_length=16384)]
Language = Annotated[str, text(_LANGUAGE, "a language tag, such as en or pt-BR, or multilingual", most=16)]
Languages = Annotated[list[Language], Field(max_length=128), ListSet()]
Image = Annotated[str, text(_IMAGE, "an image reference, such as example.org/antiphon-runtime:1.0", most=512)]
AbsolutePath = Annotated[str, text(r"^/[!-~]*[!-.0-~]$", "an absolute path, such as /models/whisper", most=1024)]
RelativePath = Annotated[str, text(_RELATIVE, "a path without .. and leading /, such as data/model.bin", most=256)]
Url = Annotated[str, text(r"^https?://[!-.0-~]+(/[!-~]*)?$", "a URL, such as http://llm.voice:8000/v1", most=2048)]
Origin = Annotated[
    str, text(r"^(\*|https?://[!-.0-~]+)$", "a web origin, such as https://shop.example, or *", most=253)
]
Sha256 = Annotated[str, text(r"^[0-9a-f]{64}$", "a SHA-256: 64 of 0-9 and a-f", most=64)]
HfName = Annotated[str, text(_REPOSITORY, "owner/name, such as openai/whisper-large-v3", most=200)]
Revision = Annotated[str, text(r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", "a branch, tag or commit, such as main", most=100)]
Package = Annotated[str, text(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", "a package, such as hibari-tts", most=100)]
PackageVersion = Annotated[str, text(r"^[0-9][A-Za-z0-9.!+_-]*$", "a version, such as 0.2.1", most=64)]
CpuFeature = Annotated[str, text(r"^[A-Z][A-Z0-9_]*$", "a CPU feature, such as AVX512VNNI", most=32)]
SecretKeyName = Annotated[str, text(r"^[-._a-zA-Z0-9]+$", "a key: A-Z, a-z, 0-9, -, _ and .", most=253)]
ConditionType = Annotated[str, text(r"^[A-Z][A-Za-z]*$", "a condition, such as Ready", most=63)]
ReasonWord = Annotated[str, text(r"^[A-Z][A-Za-z0-9]*$", "one word, such as ModelNotFound", most=128)]

# --- hardware ------------------------------------------------------------------------------------------------------
_MIG = r"[1-7]g\.[1-9][0-9]{0,2}gb(\+me|\+gfx|\+me\.all|-me)?"
_HARDWARE = r"^[a-z0-9]([-a-z0-9._/+]*[a-z0-9])?$"
MigProfile = Annotated[str, text(f"^{_MIG}$", "a MIG profile, such as 1g.18gb", most=20)]
ProfileOrAuto = Annotated[
    str, text(f"^(auto|none|{_MIG})$", "auto, none (CPU only) or a MIG profile, such as 1g.18gb", most=20)
]
Hardware = Annotated[str, text(_HARDWARE, "a hardware name, such as h200-141gb/1g.18gb or cpu-avx512-2", most=63)]

# --- numbers -------------------------------------------------------------------------------------------------------
Percentile = Annotated[float, Field(ge=1, le=99.99)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=1, le=600_000)]
MillisecondsOrZero = Annotated[int, Field(ge=0, le=600_000)]
Port = Annotated[int, Field(ge=1, le=65535)]

# --- quantities and times ------------------------------------------------------------------------------------------
_TIMESTAMP = (
    r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_TIME_ZONE = r"^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]+){1,2})$"
_REAL_DATE = Rule(
    "!self.matches('-(02-3[01]|(04|06|09|11)-31)T') && (!self.contains('-02-29T') || int(self.split('-')[0]) % 4 == 0)",
    "'{self}' is on a day that its month does not have; write it like 2026-12-24T09:00:00Z",
)
MemoryQuantity = Annotated[str, text(QUANTITY_PATTERN, "an amount of memory above 0, such as 512Mi or 20Gi", most=20)]
CpuQuantity = Annotated[str, text(CPU_PATTERN, "an amount of CPU above 0, such as 500m or 2", most=12)]
Timestamp = Annotated[
    str, text(_TIMESTAMP, "a time of this century, such as 2026-12-24T09:00:00Z", most=35), Check(_REAL_DATE)
]
TimeZone = Annotated[str, text(_TIME_ZONE, "UTC or a time zone, such as Europe/Vienna", most=64)]
Duration = Annotated[str, text(DURATION_PATTERN, "a duration, such as 500ms, 90s, 15m or 1h30m", most=24)]


def within(least: str, most: str) -> Check:
    """Bounds of a Duration: `Annotated[Duration, within("1s", "24h")]`."""
    return Check(
        Rule(
            f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')",
            f"{{self}} is out of bounds; use a duration from {least} to {most}",
        )
    )


# --- cron ----------------------------------------------------------------------------------------------------------
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def _cron_field(number: str, names: tuple[str, ...] = ()) -> str:
    """A comma list of `*`, a number, a range, or a name or an ascending range of names; each with an optional step."""
    ranges = [f"{name}-({'|'.join(names[index + 1 :])})" for index, name in enumerate(names[:-1])]
    choices = "|".join([r"\*", f"{number}(-{number})?", *ranges, *names])
    item = f"({choices})(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


CRON_PATTERN = " ".join(
    [
        "^" + _cron_field("[0-5]?[0-9]"),
        _cron_field("([01]?[0-9]|2[0-3])"),
        _cron_field("(0?[1-9]|[12][0-9]|3[01])"),
        _cron_field("(0?[1-9]|1[0-2])", _MONTHS),
        _cron_field("[0-7]", _DAYS) + "$",
    ]
)
_FIVE_FIELDS = Rule(
    f"self.matches('{CRON_PATTERN}')".replace("\\", "\\\\"),
    "'{self}' is no cron line; write five fields, minute 0-59, hour 0-23, day 1-31, month 1-12 or JAN-DEC,"
    " weekday 0-7 or SUN-SAT, like '0 9 * * 1-5'",
)
_RANGES_ASCEND = Rule(
    "self.findAll('[0-9]+-[0-9]+').all(range, int(range.split('-')[0]) <= int(range.split('-')[1]))",
    "'{self}' has a range that runs backwards; write the lower bound first, or two ranges, like 22-23,0-6",
)
Cron = Annotated[str, Field(min_length=9, max_length=100), Check(_FIVE_FIELDS, _RANGES_ASCEND)]
