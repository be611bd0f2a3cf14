"""Stub files: the face of a service as Python text, for editors and type checkers.

Nothing that a service says of itself stands in it as code: names are checked, texts are docstrings that cannot end
early, and the whole is read back before it is given out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from client.offers.face import EntrypointFace, Face, Field, Member, Parameter, Record, Type
from client.offers.reading import is_name
from client.offers.spelling import SPELLED, WIDTH, import_lines, quoted, spell, spell_within
from client.offers.without_await import without_await

_INDENT: Final = " " * 4
_ALLOWED: Final = (
    ast.AnnAssign, ast.Assign, ast.AsyncFunctionDef, ast.BinOp, ast.BitOr, ast.Call, ast.ClassDef, ast.Constant,
    ast.Dict, ast.Expr, ast.FunctionDef, ast.ImportFrom, ast.List, ast.Load, ast.Module, ast.Name, ast.Store,
    ast.Subscript, ast.Tuple, ast.UnaryOp, ast.USub, ast.alias, ast.arg, ast.arguments, ast.keyword,
)  # fmt: skip


def stub_file(service: str, face: Face, *, blocking: bool = False, module: bool = False) -> str:
    """The text of a stub file for *face*: for `connect`, or for `connect_blocking` if *blocking*.

    As a *module* it can be imported too, so that its classes can be given as `like=`.

    Raises:
        ValueError: what came out is not what was meant; nothing of it may be used.
    """
    written = _Writer(face, blocking=blocking, module=module).write(service)
    _prove(written)
    return written


def docstring(doc: str, indent: str) -> list[str]:
    """The lines of *doc* as a docstring, whatever stands in it."""
    lines = [line.rstrip().replace("\\", "\\\\").replace('"""', "'''") for line in doc.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return []
    lines[0] = lines[0].strip()
    if len(lines) == 1:
        only = lines[0][:-1] + '\\"' if lines[0].endswith('"') else lines[0]
        return [f'{indent}"""{only}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


class _Writer:
    """Writes one face."""

    def __init__(self, face: Face, *, blocking: bool, module: bool) -> None:
        self._face = face = _with_readable_twins(without_await(face) if blocking else face)
        self._blocking = blocking
        self._module = module
        self._own = {*face.records, *face.classes}
        self._used = set(_used_names(face, blocking=blocking))
        named = {key for record in face.records.values() for key in record.fields}
        members = {name for each in face.classes.values() for name in each.members}
        # A member called `list` hides the type from its neighbours, an entrypoint called `date` from all.
        self._aliases = sorted(self._used & (named | members | (face.entrypoints.keys() & SPELLED)))

    def write(self, service: str) -> str:
        """The whole file."""
        body = self._body()
        options = " --blocking" * self._blocking + " --module" * self._module
        command = f"python -m client types {service}{options}"
        # Only what is too long for a line needs it, which shows when it is written.
        used = self._used if "Union[" in body else self._used - {"Union"}
        head = [
            f'"""The service {service}, as its live workers offer it.',
            "",
            f"Made by `{command}`; with `--check` it says whether the service still fits.",
            '"""',
            "",
            *(["from __future__ import annotations", ""] if self._module else []),
            *import_lines(used, self._aliases),
        ]
        return "\n".join(head) + f"{body}\n"

    def _body(self) -> str:
        """The classes, each with the empty lines before it."""
        late = [f"_{name} = {name}" for name in self._aliases if name in self._own - SPELLED]
        records = [self._record(record) for record in self._face.records.values()]
        base = "BlockingHandle" if self._blocking else "Handle"
        targets = [self._class(each, base) for each in self._face.targets.values()]
        entrypoints = [self._class(each) for each in self._face.entrypoints.values()]
        apart = "\n\n\n" if self._module else "\n\n"
        return "".join(apart + "\n".join(block) for block in (*records, *targets, *entrypoints, late) if block)

    def _record(self, record: Record) -> list[str]:
        if not all(is_name(key) and not key.startswith("__") for key in record.fields):
            return self._functional_record(record)
        doc = docstring(record.doc, _INDENT)
        fields = [
            f"{_INDENT}{key}: {self._field(record, field, 4, len(key) + 2)}" for key, field in record.fields.items()
        ]
        if not doc and not fields:
            return [f"class {record.name}({self._name('TypedDict')}): ..."]
        return [f"class {record.name}({self._name('TypedDict')}):", *doc, *([""] if doc and fields else []), *fields]

    def _functional_record(self, record: Record) -> list[str]:
        # A class could not have such keys.
        fields = [
            f"{_INDENT * 2}{quoted(key)}: {self._value(record, field, len(quoted(key)) + 3)},"
            for key, field in record.fields.items()
        ]
        name = quoted(record.name)
        return [
            f"{record.name} = {self._name('TypedDict')}(",
            f"{_INDENT}{name},",
            f"{_INDENT}{{",
            *fields,
            f"{_INDENT}}},",
            ")",
        ]

    def _value(self, record: Record, field: Field, around: int) -> str:
        # This is code, and runs before the classes that stand below.
        late = self._module and not self._own.isdisjoint(field.type.names())
        return quoted(self._field(record, field, -10_000, 0)) if late else self._field(record, field, 8, around)

    def _field(self, record: Record, field: Field, indent: int, around: int) -> str:
        given = field.type if field.required else Type("NotRequired", (field.type,))
        if record.twin:
            # So that what a method returned, with all keys present, may be given to another.
            given = Type("ReadOnly", (given,))
        return spell_within(given, self._aliases, indent, around)

    def _class(self, entrypoint: EntrypointFace, *bases: str) -> list[str]:
        named = ", ".join(self._name(base) for base in (*bases, "Protocol"))
        blocks = [docstring(entrypoint.doc, _INDENT), self._fetch() if entrypoint.fetch else []]
        blocks += [self._member(member) for member in entrypoint.members.values()]
        blocks = [block for block in blocks if block]
        if not blocks:
            return [f"class {entrypoint.name}({named}): ..."]
        lines = [f"class {entrypoint.name}({named}):", *blocks[0]]
        for before, block in pairwise(blocks):
            # In stub files only what has a body stands apart.
            apart = self._module or before[-1].endswith('"""')
            lines += ["", *block] if apart else block
        return lines

    def _name(self, name: str) -> str:
        return f"_{name}" if name in self._aliases else name

    def _fetch(self) -> list[str]:
        request = spell(Type("|", (Type("Request"), Type("str"))), self._aliases)
        init, answer = spell(Type("Any"), self._aliases), spell(Type("Response"), self._aliases)
        plain = "def" if self._blocking else "async def"
        return [f"{_INDENT}{plain} fetch(self, resource: {request}, **init: {init}) -> {answer}: ..."]

    def _member(self, member: Member) -> list[str]:
        result = member.result
        if member.kind == "stream":
            result = Type("Iterator" if self._blocking else "AsyncIterator", (result,))
        elif member.kind == "property" and not self._blocking:
            result = Type("Awaitable", (result,))
        plain = self._blocking or member.kind != "method"
        start = f"{_INDENT}{'def' if plain else 'async def'} {member.name}("
        doc = docstring(member.doc, _INDENT * 2)
        if doc and self._module:
            # Outside stub files a body of nothing but words counts as one that returns None.
            doc.append(f"{_INDENT * 2}...")
        signature = self._signature(start, member.parameters, result, "" if doc else " ...")
        return [*([f"{_INDENT}@{self._name('property')}"] if member.kind == "property" else []), *signature, *doc]

    def _signature(self, start: str, parameters: tuple[Parameter, ...], result: Type, body: str) -> list[str]:
        own = "self" if all(parameter.name != "self" for parameter in parameters) else "_self"
        listed = [own, *self._parameters(parameters, None)]
        line = f"{start}{', '.join(listed)}) -> {spell(result, self._aliases)}:"
        if len(line) + len(body) <= WIDTH:
            return [line + body]
        if not parameters:
            return [f"{start}{own}) -> {spell_within(result, self._aliases, 4, len(start) + len(own))}:{body}"]
        end = f"{_INDENT}) -> {spell_within(result, self._aliases, 4, 9 + len(body))}:{body}"
        spread = [f"{_INDENT * 2}{each}," for each in [own, *self._parameters(parameters, 8)]]
        return [start, *spread, end]

    def _parameters(self, parameters: tuple[Parameter, ...], indent: int | None) -> Iterator[str]:
        kinds = [parameter.kind for parameter in parameters]
        for at, parameter in enumerate(parameters):
            if parameter.kind == "keyword" and "keyword" not in kinds[:at] and "rest" not in kinds:
                yield "*"
            yield self._parameter(parameter, indent)
            if parameter.kind == "positional" and kinds[at + 1 : at + 2] != ["positional"]:
                yield "/"

    def _parameter(self, parameter: Parameter, indent: int | None) -> str:
        stars = {"rest": "*", "named": "**"}.get(parameter.kind, "")
        default = " = ..." if parameter.optional and not stars else ""
        start = f"{stars}{parameter.name}: "
        if indent is None:
            return f"{start}{spell(parameter.type, self._aliases)}{default}"
        return f"{start}{spell_within(parameter.type, self._aliases, indent, len(start) + len(default) + 1)}{default}"


def _with_readable_twins(face: Face) -> Face:
    """*face* with `Sequence` and `Mapping` round twins: a list of what methods return is no list of what they take."""
    twins = {name for name, record in face.records.items() if record.twin}

    def readable(given: Type) -> Type:
        if twins.isdisjoint(given.names()):
            return given
        name = {"list": "Sequence", "dict": "Mapping"}.get(given.name, given.name)
        return Type(name, tuple(readable(argument) for argument in given.arguments), given.values)

    def changed(member: Member) -> Member:
        return replace(member, parameters=tuple(replace(p, type=readable(p.type)) for p in member.parameters))

    records = {
        name: replace(record, fields={key: replace(f, type=readable(f.type)) for key, f in record.fields.items()})
        for name, record in face.records.items()
    }

    def all_changed(classes: Mapping[str, EntrypointFace]) -> dict[str, EntrypointFace]:
        return {
            name: replace(each, members={key: changed(member) for key, member in each.members.items()})
            for name, each in classes.items()
        }

    return Face(all_changed(face.entrypoints), records, all_changed(face.targets))


def _used_names(face: Face, *, blocking: bool) -> Iterator[str]:
    for given in _types(face):
        yield from given.names()
        if len(spell(given)) > WIDTH // 2:
            yield "Union"
    records = face.records.values()
    yield from ["Protocol"] if face.classes else []
    yield from ["BlockingHandle" if blocking else "Handle"] if face.targets else []
    yield from ["TypedDict"] if records else []
    yield from ["ReadOnly"] if any(record.twin for record in records) else []
    yield from ["NotRequired"] if any(not field.required for r in records for field in r.fields.values()) else []
    for entrypoint in face.classes.values():
        yield from ("Any", "Request", "Response", "str") if entrypoint.fetch else ()
        for member in entrypoint.members.values():
            if member.kind == "stream":
                yield "Iterator" if blocking else "AsyncIterator"
            elif member.kind == "property":
                yield from ("property",) if blocking else ("property", "Awaitable")


def _types(face: Face) -> Iterable[Type]:
    for record in face.records.values():
        yield from (field.type for field in record.fields.values())
    for entrypoint in face.classes.values():
        for member in entrypoint.members.values():
            yield member.result
            yield from (parameter.type for parameter in member.parameters)


def _prove(written: str) -> None:
    """Make sure that *written* declares and does nothing else.

    Raises:
        ValueError: it does.
    """
    tree = ast.parse(written)
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in ("TypedDict", "_TypedDict")
        )
        if called or not isinstance(node, _ALLOWED):
            raise ValueError(f"The stub file would hold {type(node).__name__}: the offers are not what they should be.")
