"""The file `_redirects`: which paths lead elsewhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from broker.http.url import normalised
from worker_runtime.assets.patterns import LONGEST_LINE, Pattern, absolute, fill, is_plain

MOST_STATIC: Final = 2000
MOST_DYNAMIC: Final = 100

_STATUSES: Final = {"200": 200, "301": 301, "302": 302, "303": 303, "307": 307, "308": 308}
_HERE: Final = "https://h"
_TO_INDEX: Final = re.compile(r"/index(\.html)?")
_SLASHES: Final = re.compile(r"/+")


class Redirect(NamedTuple):
    """Where a path leads; the status 200 means that another path answers in its place."""

    target: str
    status: int


@dataclass(frozen=True, slots=True)
class Redirects:
    """The rules of a `_redirects` file.

    Attributes:
        static: Rules without splat and placeholder that stand above all others, by their path.
        dynamic: The others; the first that fits counts.
    """

    static: Mapping[str, Redirect] = field(default_factory=dict[str, Redirect])
    dynamic: tuple[tuple[Pattern, Redirect], ...] = ()

    def find(self, path: str) -> Redirect | None:
        """The redirect for a path as it was written, its placeholders filled in."""
        if (found := self.static.get(path)) is not None:
            return found
        for pattern, redirect in self.dynamic:
            if (captured := pattern.match("", path)) is not None:
                return Redirect(fill(redirect.target, captured), redirect.status)
        return None


def parse_redirects(text: str, *, html_handled: bool) -> tuple[Redirects, list[str]]:
    """Return the rules of a file, and why others of its lines were left out."""
    static, dynamic = dict[str, Redirect](), list[tuple[Pattern, Redirect]]()
    seen, left_out = set[str](), list[str]()
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if not line or line.startswith("#"):
            continue
        try:
            source, redirect = _rule(line, html_handled=html_handled)
            if source in seen:
                raise ValueError(f"there is a rule for {source} already")
            if is_plain(source) and not dynamic:
                _check_count(static, MOST_STATIC, "without splat or placeholder")
                static[source] = redirect
            else:
                _check_count(dynamic, MOST_DYNAMIC, "with or after splats and placeholders")
                dynamic.append((Pattern(source), redirect))
            seen.add(source)
        except ValueError as error:
            left_out.append(f"line {number}: {error}")
    return Redirects(static, tuple(dynamic)), left_out


def location(redirect: Redirect, url: str, query: str) -> str:
    """What stands in the `Location` of a redirect of *url*: a path for the same origin, else an address.

    The query of the request is kept unless the target has its own.

    Raises:
        ValueError: What was filled in makes the target no address.
    """
    here = urlsplit(url)
    elsewhere = absolute(redirect.target)
    target = urlsplit(normalised(redirect.target) if elsewhere else normalised(_HERE + _local(redirect.target)))
    same = not elsewhere or (target.scheme, target.netloc) == (here.scheme, here.netloc)
    # A browser takes a backslash for a slash, and two slashes at the start for another host.
    path = _SLASHES.sub("/", target.path.replace("\\", "%5C")) if same else target.path
    origin = "" if same else f"{target.scheme}://{target.netloc}"
    search = f"?{target.query}" if target.query else query
    return f"{origin}{path or '/'}{search}" + (f"#{target.fragment}" if target.fragment else "")


def rewritten(redirect: Redirect) -> str:
    """The path that answers in place of another (status 200).

    Raises:
        ValueError: What was filled in makes it no path.
    """
    return urlsplit(normalised(_HERE + _local(redirect.target))).path


def _rule(line: str, *, html_handled: bool) -> tuple[str, Redirect]:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"a line has at most {LONGEST_LINE} characters")
    tokens = line.split()
    comment = next((at for at, token in enumerate(tokens) if at >= 2 and token.startswith("#")), len(tokens))
    if not 2 <= comment <= 3:
        raise ValueError(f"write: /from /to [status]; got {comment} words")
    source, target = _source(tokens[0]), _target(tokens[1])
    status = _STATUSES.get(tokens[2] if comment == 3 else "302")
    if status is None:
        raise ValueError(f"the status is one of {', '.join(_STATUSES)}; got {tokens[2]}")
    if absolute(target) is None:
        _check_circle(source, target, html_handled=html_handled)
    elif status == 200:
        raise ValueError(f"with the status 200 the target is a path of the same site; got {target}")
    return source, Redirect(target, status)


def _source(token: str) -> str:
    if absolute(token):
        raise ValueError(f"a redirect begins at a path, not at a host; got {token}")
    return urlsplit(normalised(f"{_HERE}/{token.lstrip('/')}")).path


def _target(token: str) -> str:
    if (parts := absolute(token)) is not None:
        return f"https://{parts[0]}" + normalised(_HERE + parts[1]).removeprefix(_HERE)
    if token.startswith("/"):
        return normalised(_HERE + _local(token)).removeprefix(_HERE)
    raise ValueError(f"a target begins with / or https://; got {token}")


def _local(target: str) -> str:
    path, mark, rest = target.partition("?")
    return _SLASHES.sub("/", path) + mark + rest


def _check_circle(source: str, target: str, *, html_handled: bool) -> None:
    if not _TO_INDEX.fullmatch(target[target.rfind("/") :]):
        return
    if source.endswith("/*") or (source.endswith("/") and html_handled):
        raise ValueError("it would lead in circles: /index and .html are dropped from paths, and the rule fits again")


def _check_count(rules: Mapping[str, object] | list[tuple[Pattern, Redirect]], most: int, which: str) -> None:
    if len(rules) >= most:
        raise ValueError(f"there are at most {most} rules {which}")
