"""What of a written text is said aloud: no markdown, no emoji."""

from __future__ import annotations

import re

_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)"), r"\1"),  # links and images: their text
    (re.compile(r"<((?:https?|mailto):[^>\s]+)>"), r"\1"),
    (re.compile(r"\b(?:https?|ftp)://(?:www\.)?"), ""),
    (re.compile(r"^[ \t]*(?:`{3,}|~{3,})[\w+-]*[ \t]*$", re.MULTILINE), ""),  # fences of code
    (re.compile(r"^[ \t]*(?:\|?[ \t]*:?-{3,}:?[ \t]*)+\|?[ \t]*$", re.MULTILINE), ""),  # rules, and those of tables
    (re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+\u2022][ \t]+)+", re.MULTILINE), ""),  # headings, quotes, bullets
    (re.compile(r"(?<=\S)[ \t]*\|[ \t]*(?=\S)"), ", "),  # cells
    (re.compile(r"(?<=[\w)])[*_`]*[ \t]*\|?[ \t]*\n[\s|]*(?=[^\s|])"), ". "),  # a line is said as a sentence
    (re.compile(r"(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)"), ""),
    (re.compile(r"\*{2,}|~~|`+|\*(?=\S)|(?<=\S)\*|\|"), ""),  # what is left between spaces, as in 2 * 3, is said
)


def speakable(text: str) -> str:
    """Empty where nothing is to be said."""
    text = _EMOJI.sub(" ", text)
    for found, said in _RULES:
        text = found.sub(said, text)
    text = " ".join(text.split())
    return text if any(character.isalnum() for character in text) else ""
