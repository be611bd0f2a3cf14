"""What bindings answer with: dataclasses whose fields can be read as items too."""

from __future__ import annotations

from typing import Any, ClassVar


class Record:
    """A dataclass of which `answer.name` and `answer["name"]` are the same."""

    __slots__ = ()

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __getitem__(self, name: str) -> Any:
        if name in self.__dataclass_fields__:
            return getattr(self, name)
        raise KeyError(name)
