"""The cache keeps what was used last, and never more than it may."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.phrase_cache import Phrase, PhraseCache, phrase


def _key(text: str, variant: str = "v") -> Phrase:
    return phrase(voice="anna", variant=variant, speed=1.0, text=text, format="pcm")


operations = st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 12)), max_size=60)


@given(operations, st.integers(0, 4), st.integers(0, 20))
def test_it_is_an_lru_within_both_bounds(done: list[tuple[str, int | None]], entries: int, size: int) -> None:
    cache: PhraseCache[bytes] = PhraseCache(most_entries=entries, most_bytes=size)
    model: OrderedDict[str, bytes] = OrderedDict()
    for text, length in done:
        if length is None:
            assert cache.get(_key(text)) == model.get(text)
            if text in model:
                model.move_to_end(text)
            continue
        model.pop(text, None)
        kept = cache.put(_key(text), bytes(length), length)
        assert kept == (entries > 0 and length <= size)
        if kept:
            model[text] = bytes(length)
        while len(model) > entries or sum(map(len, model.values())) > size:
            model.popitem(last=False)
        assert len(cache) == len(model) <= entries
        assert cache.kept_bytes == sum(map(len, model.values())) <= size


def test_all_that_the_sound_depends_on_is_in_the_key() -> None:
    usual = {"voice": "anna", "variant": "fp16", "text": "One moment.", "format": "pcm"}
    keys = {phrase(speed=1.0, **usual), phrase(speed=1.1, **usual)}
    keys |= {phrase(speed=1.0, **{**usual, name: "other"}) for name in usual}
    assert len(keys) == 6
    assert phrase(speed=1.0, **{**usual, "text": " One\n moment. "}) in keys


def test_a_variant_is_forgotten() -> None:
    cache: PhraseCache[bytes] = PhraseCache(most_entries=9, most_bytes=99)
    cache.put(_key("a", "old"), b"1", 1)
    cache.put(_key("a", "new"), b"22", 2)
    cache.forget_variant("old")
    assert (cache.get(_key("a", "old")), cache.get(_key("a", "new"))) == (None, b"22")
    assert (cache.kept_bytes, cache.hits, cache.misses) == (2, 1, 1)
