"""`python -m client completion` for shells, and `complete`, which they ask at every press of the key."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

from broker.errors import RpcError
from broker.keys import ServiceKeys
from broker.link import Address, Link
from broker.names import check_service
from broker.registry import list_services, read_offers
from client.command_line.candidates import Asked, candidates, read_line
from client.command_line.outcome import EXIT_CODES
from client.command_line.output import say
from client.command_line.shown import as_json
from client.command_line.typed import Parser, UsageError
from client.services import DEFAULT_URL

_PATIENCE: Final = 1.0
"""Seconds; whoever pressed the key waits, and can type the rest."""

_COMPLETION: Final = """\
Print a script that makes bash, zsh or fish complete these commands, with the names that live workers offer:

    source <(python -m client completion bash)
    python -m client completion fish | source
"""

_BASH: Final = r"""
_callyard_before=$(complete -p python 2>/dev/null | sed -n 's/.*-F \([^ ]*\).*/\1/p')
[[ $_callyard_before == _callyard ]] && _callyard_before=

_callyard() {
    local line=${COMP_LINE:0:COMP_POINT} words current typed found
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    if [[ ${words[1]} != -m || ${words[2]} != client || ${#words[@]} -lt 4 ]]; then
        [[ -n $_callyard_before ]] && "$_callyard_before" "$@"
        return
    fi
    current=${words[${#words[@]}-1]}
    # Bash replaces only what stands behind the last of its word breaks.
    typed=${current%"${current##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r found; do
        [[ $found == *[.#=] ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("${found#"$typed"}")
    done < <("${words[0]}" -m client complete -- "${words[@]:3}" 2>/dev/null)
}

complete -o bashdefault -o default -F _callyard python python3
"""

_ZSH: Final = r"""
_callyard() {
    if [[ ${words[2]} != -m || ${words[3]} != client || CURRENT -lt 4 ]]; then
        (( $+functions[_python] )) && _python || _default
        return
    fi
    local -a found more
    found=("${(@f)$(${words[1]} -m client complete -- "${(@)words[4,CURRENT]}" 2>/dev/null)}")
    more=(${(M)found:#*[.#=]})
    found=(${found:#*[.#=]})
    compadd -Q -S '' -a more
    compadd -Q -a found
    (( ${#more} + ${#found} )) || _files
}

compdef _callyard python python3
"""

_FISH: Final = r"""
function __callyard_applies
    set -l words (commandline -opc)
    test (count $words) -ge 3; and test "$words[2] $words[3]" = '-m client'
end

function __callyard_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] -m client complete -- $words[4..-1] 2>/dev/null
end

complete --command python --command python3 --no-files --keep-order \
    --condition __callyard_applies --arguments '(__callyard_complete)'
"""

_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def run_completion(arguments: Sequence[str]) -> None:
    """Print the script for a shell.

    Raises:
        UsageError: it is none that there is a script for.
    """
    given, words = _parser().read(arguments)
    if len(words) != 1 or words[0] not in _SCRIPTS:
        raise UsageError(f"Name a shell: {', '.join(_SCRIPTS)}.")
    script = _SCRIPTS[words[0]].strip()
    say(as_json({"shell": words[0], "script": script}) if given.json else script)


def run_complete(arguments: Sequence[str]) -> None:
    """Print what the last of *arguments* may become, one a line; nothing where Redis does not answer at once."""
    asked = read_line(arguments[1:] if arguments[:1] == ["--"] else arguments)
    services: list[str] = []
    offers: dict[str, Any] = {}
    if asked.wants_services or asked.service is not None:
        try:
            services, offers = asyncio.run(_ask(asked))
        except (RpcError, TimeoutError):
            # A key press is no place for an error.
            return
    if found := candidates(asked, services, offers):
        say("\n".join(found))


async def _ask(asked: Asked) -> tuple[list[str], dict[str, Any]]:
    url = asked.options.get("--broker") or os.environ.get("BROKER_URL") or DEFAULT_URL
    prefix = asked.options.get("--prefix") or os.environ.get("CALLYARD_PREFIX") or "callyard"
    link = Link(Address.parse(url), name="callyard-completion", resend=False)
    async with asyncio.timeout(_PATIENCE):
        await link.open(_PATIENCE)
        try:
            if asked.service is None:
                return await list_services(link, prefix), {}
            return [], await read_offers(link, ServiceKeys(prefix, check_service(asked.service)))
        finally:
            await link.close()


def _parser() -> Parser:
    parser = Parser("completion", "SHELL", description=_COMPLETION, epilog=EXIT_CODES)
    parser.add_json_option()
    return parser
