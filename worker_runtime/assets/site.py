"""A directory of assets with its rules: what answers requests. Blocking."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from broker.http import Request, Response
from worker_runtime.assets.answers import Answer, Rules, answer
from worker_runtime.assets.contents import Contents
from worker_runtime.assets.directory import Directory
from worker_runtime.assets.header_rules import parse_headers
from worker_runtime.assets.html import HtmlHandling, NotFoundHandling
from worker_runtime.assets.ignoring import ignoring
from worker_runtime.assets.redirects import parse_redirects
from worker_runtime.assets.survey import rule_file

_MOST_TRIES: Final = 3
"""A file that changes while it is answered is answered anew so many times."""

_log = logging.getLogger("callyard.assets")


class Site:
    """The assets of a service. Safe to use from several threads.

    The files of rules are read once, the assets whenever they are asked for.
    """

    def __init__(self, directory: Directory, rules: Rules) -> None:
        self._directory = directory
        self._rules = rules

    @classmethod
    def open(cls, root: Path, html: HtmlHandling, not_found: NotFoundHandling) -> Site:
        """The site in the directory *root*; lines of its rules that are left out are logged.

        Raises:
            ConfigurationError: `.assetsignore` cannot be used.
            OSError: A file of rules cannot be read.
        """
        is_ignored = ignoring(rule_file(root, ".assetsignore"))
        redirects, wrong = parse_redirects(rule_file(root, "_redirects"), html_handled=html != "none")
        headers, also_wrong = parse_headers(rule_file(root, "_headers"))
        for file, lines in (("_redirects", wrong), ("_headers", also_wrong)):
            for line in lines:
                _log.warning("%s: %s: left out", root / file, line)
        return cls(Directory(root, is_ignored), Rules(html, not_found, redirects, headers))

    def answer(self, request: Request) -> Response:
        """What the assets answer, be it that there is nothing.

        Raises:
            PayloadTooLarge: A file is larger than an asset may be.
            OSError: A file cannot be read.
        """
        response = self._respond(request, self._rules, even_if_unknown=True)
        assert response is not None
        return response

    def answer_if_known(self, request: Request, *, fall_back: bool) -> Response | None:
        """What the assets answer if they have anything for the path, else None.

        With *fall_back*, what answers where nothing is found counts as something.

        Raises: as `answer`.
        """
        rules = self._rules if fall_back else replace(self._rules, not_found="none")
        return self._respond(request, rules, even_if_unknown=False)

    def _respond(self, request: Request, rules: Rules, *, even_if_unknown: bool) -> Response | None:
        for _ in range(_MOST_TRIES):
            # Cached for this one request: a decision sees every file as it was at the first look.
            found = answer(request, rules, cache(self._directory.etag_of))
            if not found.is_known and not even_if_unknown:
                return None
            if found.body is None:
                return Response(None, found.status, headers=found.headers)
            contents = self._directory.read(found.body)
            if contents is not None and contents.etag == found.etag:
                return _response(found, contents, head_only=request.method == "HEAD")
        raise OSError("An asset keeps changing while it is read.")


def _response(found: Answer, contents: Contents, *, head_only: bool) -> Response:
    # RFC 9110, 9.3.2: a HEAD has the fields that a GET would have.
    found.headers["content-length"] = str(contents.size)
    if not head_only:
        return Response(contents.body, found.status, headers=found.headers)
    contents.close()
    return Response(None, found.status, headers=found.headers)
