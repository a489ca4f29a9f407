"""The items of a conversation, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_runtime.realtime.errors import (
    CREATE_DUPLICATE_ITEM,
    CREATE_INVALID_ITEM,
    CREATE_INVALID_PREVIOUS,
    DELETE_INVALID_ITEM,
    INVALID_VALUE,
    RETRIEVE_INVALID_ITEM,
    TRUNCATE_INVALID_ITEM,
    RealtimeError,
    shown,
)
from antiphon_runtime.realtime.items import Item, Message, Part
from antiphon_runtime.realtime.server_events import NewId

ROOT = "root"
"""As `previous_item_id`: the beginning."""


class Conversation:
    """Every id is there once. What is refused changes nothing."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._promised: set[str] = set()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Item]:
        return iter([self._items[item_id] for item_id in self._order])

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def find(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def retrieve(self, item_id: str) -> Item:
        return self._known(item_id, RETRIEVE_INVALID_ITEM)

    def previous_of(self, item_id: str) -> str | None:
        """None: it is the first."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    @property
    def last_id(self) -> str | None:
        return self._order[-1] if self._order else None

    def check_new(self, item_id: str) -> None:
        """Of a client: refuses ids that are taken, or were told to it for an item that is still to come."""
        if item_id == ROOT:
            reason, code = "is the beginning of every conversation", CREATE_INVALID_ITEM
        elif item_id in self._items or item_id in self._promised:
            reason, code = "is in the conversation already", CREATE_DUPLICATE_ITEM
        else:
            return
        raise RealtimeError(
            f"item.id is {shown(item_id)}, which {reason}; give each item its own", code=code, param="item.id"
        )

    def promise_id(self, new_id: NewId) -> str:
        """An id for an item of the server's, which no client can take before it is inserted."""
        item_id = new_id("item")
        while item_id in self._items or item_id in self._promised:
            item_id = new_id("item")
        self._promised.add(item_id)
        return item_id

    def break_promise(self, item_id: str) -> None:
        """The item will not come."""
        self._promised.discard(item_id)

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """After the previous item, or at the end; returns the id of the one before it. The item's id must be new."""
        place = len(self._order) if previous_item_id is None else self._place_after(previous_item_id)
        self._promised.discard(item.id)
        self._items[item.id] = item
        self._order.insert(place, item.id)
        return self._order[place - 1] if place else None

    def delete(self, item_id: str) -> None:
        self._known(item_id, DELETE_INVALID_ITEM)
        del self._items[item_id]
        self._order.remove(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cuts what the agent said to what was heard of it, audio and words."""
        item = self._known(item_id, TRUNCATE_INVALID_ITEM)
        part = _spoken_part(item, content_index)
        spoken = part.spoken
        length = spoken.audio_ms if spoken else 0
        if spoken is None or audio_end_ms > length:
            raise RealtimeError(
                f"audio_end_ms is {audio_end_ms}; audio content of {length} ms is already shorter than that",
                code=INVALID_VALUE,
                param="audio_end_ms",
            )
        spoken.cut(audio_end_ms)
        part.text = spoken.text

    def _place_after(self, previous_item_id: str) -> int:
        if previous_item_id == ROOT:
            return 0
        if previous_item_id not in self._items:
            raise RealtimeError(
                f"previous_item_id is {shown(previous_item_id)}; it must be an item of the conversation, or 'root'",
                code=CREATE_INVALID_PREVIOUS,
                param="previous_item_id",
            )
        return self._order.index(previous_item_id) + 1

    def _known(self, item_id: str, code: str) -> Item:
        if item_id not in self._items:
            raise RealtimeError(
                f"item_id is {shown(item_id)}; the conversation has no such item", code=code, param="item_id"
            )
        return self._items[item_id]


def _spoken_part(item: Item, content_index: int) -> Part:
    if not isinstance(item, Message) or item.role != "assistant":
        raise RealtimeError(
            f"item_id is {shown(item.id)}; only messages of the assistant can be truncated",
            code=TRUNCATE_INVALID_ITEM,
            param="item_id",
        )
    if content_index >= len(item.parts) or item.parts[content_index].type != "output_audio":
        raise RealtimeError(
            f"content_index is {content_index}; it must be that of a part with audio", param="content_index"
        )
    return item.parts[content_index]
