"""What can go wrong with a model's files: one tree, fit for a log and for a person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose files they are."""

    variant: str
    source: str
    """Source in words, such as `pypi hibari-tts 0.2.1`."""
    model: str | None = None

    def __str__(self) -> str:
        model = f"model {self.model}, " if self.model else ""
        return f"{model}variant {self.variant} ({self.source})"


class ModelError(Exception):
    """The files of a model can't be had.

    `what` happened and `remedy`, what would help, are whole clauses; `subject` is filled in by the store.
    """

    code = "model_error"
    """For scripts: it does not change with the wording."""
    exit_code = 1
    """Of the command."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.subject: Subject | None = None

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{subject}{self.what}{remedy}"

    def as_json(self) -> dict[str, str]:
        told = {"code": self.code, "message": self.what, "remedy": self.remedy}
        if self.subject is not None:
            told |= {"variant": self.subject.variant, "source": self.subject.source}
            told |= {"model": self.subject.model} if self.subject.model else {}
        return told


class ModelNotFoundError(ModelError):
    """The source is there and has no such thing."""

    code = "model_not_found"


class UnreachableError(ModelError):
    """The source does not answer, or not to the end. Trying again may help."""

    code = "source_unreachable"
    exit_code = 3


class AccessDeniedError(ModelError):
    """The source wants a key, or does not accept ours."""

    code = "access_denied"


class DamagedModelError(ModelError):
    """What came, or what lies in the cache, is not what was asked for."""

    code = "model_damaged"


class UnsupportedSourceError(ModelError):
    """The source answers in a way that we do not understand."""

    code = "source_unsupported"


class NotInCacheError(ModelError):
    """We work offline, and the cache does not have it."""

    code = "not_in_cache"
    exit_code = 4


class CacheError(ModelError):
    """The cache can't be read or written."""

    code = "cache_error"
    exit_code = 5


class OutOfSpaceError(CacheError):
    """The cache's disk is full, or would be."""

    code = "out_of_space"


class FetchStoppedError(ModelError):
    """Whoever asked for it no longer wants it. What has come is kept and taken up again later."""

    code = "stopped"
