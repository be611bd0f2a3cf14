"""Durations, sizes, counts and switches: from what people write to numbers, and back to text."""

import math
import re
from urllib.parse import urlsplit

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


def parse_duration(value: object) -> float:
    """Return a duration in seconds from a number of seconds or a text such as "250ms", "10m" or "1h".

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, str) and (match := _AMOUNT.fullmatch(value.strip())):
        if (unit := _SECONDS.get(match[2] or "s")) is not None:
            return float(match[1]) * unit
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"should be seconds, or a duration such as 250ms, 15s, 10m or 1h, but got {value!r}")


def parse_size(value: object) -> int:
    """Return a size in bytes from a number of bytes or a text such as "4MiB".

    Raises:
        ValueError: The value is neither, or not a whole number of bytes.
    """
    if isinstance(value, str) and (match := _AMOUNT.fullmatch(value.strip())):
        unit = _BYTES.get(match[2].lower() or "b")
        if unit is not None and (size := float(match[1]) * unit).is_integer():
            return int(size)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"should be bytes, or a size such as 512KiB or 4MiB, but got {value!r}")


def parse_count(value: object) -> int:
    """Return a whole number, also from its text.

    Raises:
        ValueError: The value is not a whole number.
    """
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip(), re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"should be a whole number but got {value!r}")


def parse_switch(value: object) -> bool:
    """Return a truth value, also from its text.

    Raises:
        ValueError: The value is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (switch := _SWITCH.get(value.strip().lower())) is not None:
        return switch
    raise ValueError(f"should be true or false but got {value!r}")


def parse_address(value: object) -> str:
    """Return an address to listen on, a text such as "127.0.0.1:8080", or an empty one for "none".

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, str) and value.strip() in ("", "none"):
        return ""
    if isinstance(value, str):
        split_address(value.strip())
        return value.strip()
    raise ValueError(f"should be HOST:PORT, such as 127.0.0.1:8080, but got {value!r}")


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        ValueError: The text is neither.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or any(mark in text for mark in "/?#@"):
        raise ValueError(f"should be HOST:PORT, such as 127.0.0.1:8080, but got {text!r}")
    return host, port


def show_address(address: str) -> str:
    """Return the address, or "none"."""
    return address or "none"


def show_duration(seconds: float) -> str:
    """Return seconds in the largest unit that keeps them whole, such as "15m"."""
    for unit in ("d", "h", "m", "s"):
        if seconds and (seconds / _SECONDS[unit]).is_integer():
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    amount, unit = (seconds, "s") if seconds >= 1 or not seconds else (seconds * 1000, "ms")
    return f"{amount:.6f}".rstrip("0").rstrip(".") + unit


def show_size(size: int) -> str:
    """Return bytes in the largest binary unit that keeps them whole, such as "4MiB"."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit.lower()] == 0:
            return f"{size // _BYTES[unit.lower()]}{unit}"
    return f"{size}B"


def show_switch(switch: object) -> str:
    """Return "true" or "false"."""
    return "true" if switch else "false"
