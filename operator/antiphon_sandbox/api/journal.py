"""The SQLite file in which objects outlive the server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from antiphon_sandbox.objects import Obj, name_of, namespace_of

_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT, namespace TEXT, name TEXT, revision INTEGER, json BLOB, PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER);
"""


class SqliteJournal:
    """Every write is in the file before it is answered: a killed server loses nothing (a machine's power cut may)."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(_TABLES)

    def load(self) -> tuple[int, Iterable[tuple[str, Obj]]]:
        last = self._database.execute("SELECT revision FROM last").fetchone()
        newest = self._database.execute("SELECT max(revision) FROM objects").fetchone()[0] or 0
        return max(last[0] if last else 0, newest), self._objects()

    def _objects(self) -> Iterator[tuple[str, Obj]]:
        for resource, text in self._database.execute("SELECT resource, json FROM objects ORDER BY revision"):
            yield resource, orjson.loads(text)

    def save(self, resource: str, obj: Obj, revision: int) -> None:
        row = (resource, namespace_of(obj), name_of(obj), revision, orjson.dumps(obj))
        self._database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", row)

    def forget(self, resource: str, obj: Obj, revision: int) -> None:
        with self._database:
            self._database.execute("BEGIN")
            key = (resource, namespace_of(obj), name_of(obj))
            self._database.execute("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", key)
            self._database.execute("INSERT OR REPLACE INTO last VALUES (1, ?)", (revision,))

    def close(self) -> None:
        self._database.close()
