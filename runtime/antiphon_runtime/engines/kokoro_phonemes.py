"""From text to the phonemes that Kokoro was trained on: by hibari for English, by eSpeak NG for more languages.

eSpeak NG is GPL: a process of its own for each piece of text, never imported.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import imported, option, program
from antiphon_runtime.engines.protocols import EngineError

Phonemizer: TypeAlias = Callable[[str], str]
LANGUAGES: dict[str, str] = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br",
}  # fmt: skip
"""By the first letter of a voice. Japanese (j) and Chinese (z) need phonemes that neither program knows."""
_ENGLISH = ("en-us", "en-gb")
_PUNCTUATION = re.compile(r"([;:,.!?¡¿—…\"“”()]+)")
_KEPT = frozenset(';:,.!?—…"“”()')
"""Of these Kokoro knows how they are spoken."""
_TIE = "^"
_TIMEOUT_SECONDS = 10.0

_EVERYWHERE = {
    "a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "t^ʃ": "ʧ", "ɔ^ɪ": "Y",  # noqa: RUF001
    "d^z": "ʣ", "t^s": "ʦ",
}  # fmt: skip
_IN_ENGLISH = {
    "ʔˌn\u0329": "tᵊn", "ʔn": "tᵊn", "ʔ": "t", "e": "A", "ə^l": "ᵊl", "ʲO": "jO", "ʲQ": "jQ", "ʲ": "",  # noqa: RUF001
    "r": "ɹ", "ɚ": "əɹ", "x": "k", "ç": "k", "ɐ": "ə", "ɬ": "l", "\u0303": "",
}  # fmt: skip
_BRITISH = {"e^ə": "ɛː", "iə": "ɪə"}
_AMERICAN = {"ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": ""}  # noqa: RUF001
_SYLLABIC = re.compile("(\\S)\u0329")


class Phonemes:
    """What is installed decides which languages there are."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        self._way = option(variant, "phonemes", "auto")
        if self._way not in ("auto", "hibari", "espeak"):
            raise EngineError(f"option phonemes is '{self._way}'; give auto, hibari or espeak")
        self._known: dict[str, Phonemizer] = {}

    def of_voice(self, voice: str) -> Phonemizer:
        """Raises EngineError where the voice's language can't be read."""
        language = LANGUAGES.get(voice[:1])
        if language is None:
            raise EngineError(f"kokoro: there are no phonemes for voice '{voice}'; it knows {', '.join(LANGUAGES)}...")
        if language not in self._known:
            self._known[language] = self._loaded(language)
        return self._known[language]

    def _loaded(self, language: str) -> Phonemizer:
        if language in _ENGLISH and self._way != "espeak":
            try:
                return self._by_hibari(is_british=language == "en-gb")
            except EngineError:
                if self._way == "hibari":
                    raise
        if self._way == "hibari":
            raise EngineError(f"kokoro: hibari reads English only; set option phonemes to espeak for {language}")
        path = program(self._variant, "espeak-ng", install="apt-get install espeak-ng")
        return lambda text: spelled(text, lambda words: from_espeak(_espeak(path, language, words), language))

    def _by_hibari(self, *, is_british: bool) -> Phonemizer:
        library = imported("hibari.g2p", self._variant, package="hibari-tts")
        reader: Any = library.G2P(british=is_british)

        def read(text: str) -> str:
            found = reader(text)
            return str(found[0] if isinstance(found, tuple) else found)

        return read


def spelled(text: str, words_to_phonemes: Phonemizer) -> str:
    """The phonemes of the words between the punctuation, which stays where it was."""
    found = []
    for part in _PUNCTUATION.split(text):
        if _PUNCTUATION.fullmatch(part):
            found.append("".join(mark for mark in part if mark in _KEPT))
        elif any(map(str.isalnum, part)):
            before, after = " " * part[:1].isspace(), " " * part[-1:].isspace()
            found.append(f"{before}{words_to_phonemes(part.strip())}{after}")
        else:
            found.append(" " * bool(part))
    return re.sub(r"\s+", " ", "".join(found)).strip()


def from_espeak(ipa: str, language: str) -> str:
    """In Kokoro's letters. Sounds of two letters have `^` between them."""
    found = " ".join(ipa.split())
    table: Mapping[str, str] = _EVERYWHERE
    if language in _ENGLISH:
        table = _EVERYWHERE | _IN_ENGLISH | (_BRITISH if language == "en-gb" else _AMERICAN)
    for letters in sorted(table, key=len, reverse=True):
        found = found.replace(letters, table[letters])
    found = _SYLLABIC.sub(r"ᵊ\1", found).replace("\u0329", "")
    return found.replace(_TIE, "").replace("-", "")


def _espeak(path: str, language: str, words: str) -> str:
    command = [path, "-q", "--ipa", f"--tie={_TIE}", "-v", language, "--stdin"]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=words.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"kokoro: espeak-ng can't be run: {error}") from error
    return done.stdout.decode("utf-8", "replace")
