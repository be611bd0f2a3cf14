"""JSON with comments and trailing commas, and nothing else beyond JSON."""

import json
import re
from typing import Any, NoReturn

_STRING = r'"(?:\\.|[^"\\\n])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
# The middle alternative takes `{,` and `,,` out of the search, so that they stay and are refused as in JSON.
_COMMA = re.compile(rf"{_STRING}|[\[{{:,]\s*,|(,)(?=\s*[\]}}])", re.DOTALL)


class JsoncError(ValueError):
    """Raised when a text is not JSONC; `line` and `column` count from 1 and are None when the place is not known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def loads(text: str) -> Any:
    """Return the value of a JSONC text.

    Raises:
        JsoncError: The text is not JSONC, an object has a key twice, or a number is NaN or infinite.
    """
    plain = _COMMA.sub(_without_trailing_comma, _COMMENT.sub(_without_comment, text))
    try:
        return json.loads(plain, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise JsoncError(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise JsoncError("nested too deeply") from None
    except JsoncError:
        raise
    except ValueError as error:
        raise JsoncError(str(error)) from None


def _without_comment(match: re.Match[str]) -> str:
    # Comments become blanks and keep their line ends: every error then names the line that the reader sees.
    return match[1] or re.sub(r"[^\r\n]", " ", match[0])


def _without_trailing_comma(match: re.Match[str]) -> str:
    return " " if match[1] else match[0]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise JsoncError(f"the key {json.dumps(key)} appears twice in one object")
        result[key] = value
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise JsoncError(f"{name} is not a JSON number")
