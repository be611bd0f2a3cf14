"""What a database answers: usable as mappings and by attribute, and sent to callers as plain dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from worker_runtime.d1.values import given_row
from worker_runtime.env.record import Record


class Rows(NamedTuple):
    """The answer to one query as it is stored: its columns, its rows, and what it took.

    Attributes:
        columns: The names of the columns, none for a plain write.
        rows: The rows; a BLOB is bytes.
        meta: The attributes of `D1Meta` that are not always the same.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    meta: Mapping[str, Any]


class _Record(Record, Mapping[str, Any]):
    """A record that is a mapping of its fields."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)


@dataclass(frozen=True, slots=True, eq=False)
class D1Meta(_Record):
    """What a query took and did.

    Attributes:
        duration: Milliseconds that SQLite took.
        changes: Rows that were inserted, changed and deleted, those of triggers included.
        last_row_id: The row ID of the last row inserted through this connection, 0 where there was none.
        changed_db: Whether the database is another than before.
        size_after: Bytes of the database.
        rows_read: Rows that the query gave; SQLite's driver does not tell how many it looked at.
        rows_written: The same as `changes`, for the same reason.
        served_by: Always "callyard.d1".
        served_by_region: Always None: there are no regions.
        served_by_primary: Always True: there is one copy.
        served_by_colo: Always None.
        timings: `sql_duration_ms`, the same as `duration`.
        total_attempts: Always 1.
    """

    duration: float
    changes: int
    last_row_id: int
    changed_db: bool
    size_after: int
    rows_read: int
    rows_written: int
    served_by: str
    served_by_region: str | None
    served_by_primary: bool
    served_by_colo: str | None
    timings: dict[str, float]
    total_attempts: int


@dataclass(frozen=True, slots=True, eq=False)
class D1Result(_Record):
    """The answer to one statement: `result.results` and `result["results"]` are the same.

    Attributes:
        success: Always True: what fails raises.
        results: The rows as dicts; of columns with the same name the last counts.
        meta: What the query took and did.
    """

    success: bool
    results: list[dict[str, Any]]
    meta: D1Meta


@dataclass(frozen=True, slots=True, eq=False)
class D1ExecResult(_Record):
    """The answer to `exec`.

    Attributes:
        count: Lines that were run.
        duration: Milliseconds that SQLite took.
    """

    count: int
    duration: float


def as_results(answers: Sequence[Rows]) -> list[D1Result]:
    """Return answers as callers get them."""
    return [_as_result(answer) for answer in answers]


def as_lists(answers: Sequence[Rows]) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of the one answer, as callers get them."""
    (answer,) = answers
    return list(answer.columns), [given_row(row) for row in answer.rows]


def _as_result(answer: Rows) -> D1Result:
    columns = answer.columns
    return D1Result(
        success=True,
        results=[dict(zip(columns, given_row(row), strict=True)) for row in answer.rows],
        meta=_as_meta(answer),
    )


def _as_meta(answer: Rows) -> D1Meta:
    meta = answer.meta
    return D1Meta(
        duration=meta["duration"],
        changes=meta["changes"],
        last_row_id=meta["last_row_id"],
        changed_db=meta["changed_db"],
        size_after=meta["size_after"],
        rows_read=len(answer.rows),
        rows_written=meta["changes"],
        served_by="callyard.d1",
        served_by_region=None,
        served_by_primary=True,
        served_by_colo=None,
        timings={"sql_duration_ms": meta["duration"]},
        total_attempts=1,
    )
