"""Reading a recorded stub file back into the face that it describes. It is parsed, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from broker.errors import RpcError
from client.offers.face import (
    ANY,
    NONE,
    EntrypointFace,
    Face,
    Field,
    Member,
    MemberKind,
    Parameter,
    Record,
    Scalar,
    Type,
    union,
)

_WRAPPERS: Final[Mapping[str, MemberKind]] = {
    "AsyncIterator": "stream", "AsyncIterable": "stream", "Awaitable": "property",
}  # fmt: skip
_SAME: Final = {
    "Dict": "dict", "List": "list", "Mapping": "dict", "Sequence": "list", "Set": "set", "Tuple": "tuple",
    "AsyncGenerator": "AsyncIterator", "Iterator": "AsyncIterator", "Generator": "AsyncIterable",
}  # fmt: skip
_OF_OBJECTS: Final = ("Handle", "BlockingHandle")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnreadableTypes(RpcError, ValueError):
    """Raised when a file of recorded types is none."""

    executed = "no"


def read_recorded(source: str, file: str) -> Face:
    """The face that the stub file *source* describes.

    Raises:
        UnreadableTypes: it is no Python; the message says where.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        where = f"{file}:{error.lineno}" if isinstance(error, SyntaxError) else file
        raise UnreadableTypes(f"{where}: these are no recorded types: {error}.") from error
    return _Reader(tree).face()


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._assigned = dict(_assignments(tree))
        imports = [each for node in tree.body if isinstance(node, ast.ImportFrom) for each in node.names]
        self._imported = {each.asname: each.name for each in imports if each.asname is not None}

    def face(self) -> Face:
        dicts = {name for name, node in self._classes.items() if self._mentions(node.bases, "TypedDict")}
        records = {name: Record(name, dict(self._class_fields(self._classes[name]))) for name in dicts}
        for name, value in self._assigned.items():
            if isinstance(value, ast.Call):
                records[name] = Record(name, dict(self._call_fields(value)))
        spoken_of = {self._named(each).name for node in self._classes.values() for each in _names_in(node)}
        entrypoints: dict[str, EntrypointFace] = {}
        targets: dict[str, EntrypointFace] = {}
        for name, node in self._classes.items():
            if name in dicts:
                continue
            handle = any(self._mentions(node.bases, base) for base in _OF_OBJECTS)
            if handle or name in spoken_of:
                targets[name] = self._class(node, target=True)
            if not handle:
                # Of a file that was written by hand only the service can tell which of the two it is.
                entrypoints[name] = self._class(node)
        return Face(entrypoints, records, targets)

    def _class_fields(self, node: ast.ClassDef) -> Iterator[tuple[str, Field]]:
        for each in node.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                yield each.target.id, self._field(each.annotation)

    def _call_fields(self, node: ast.Call) -> Iterator[tuple[str, Field]]:
        keys = node.args[1] if len(node.args) > 1 else None
        if isinstance(keys, ast.Dict):
            for key, value in zip(keys.keys, keys.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, self._field(value)

    def _field(self, node: ast.expr) -> Field:
        given, required = self._type(node), True
        while given.name in ("ReadOnly", "NotRequired", "Required") and given.arguments:
            required = required and given.name != "NotRequired"
            given = given.arguments[0]
        return Field(given, required)

    def _class(self, node: ast.ClassDef, *, target: bool = False) -> EntrypointFace:
        functions = [each for each in node.body if isinstance(each, _Function)]
        own = {"dup", "dispose"} if target else {"fetch", "dup", "dispose"}
        members = {e.name: self._member(e) for e in functions if e.name not in own and not e.name.startswith("_")}
        fetch = not target and any(each.name == "fetch" for each in functions)
        return EntrypointFace(node.name, members, fetch=fetch, line=node.lineno)

    def _member(self, node: _Function) -> Member:
        result = self._type(node.returns)
        kind: MemberKind = "method"
        if self._mentions(node.decorator_list, "property"):
            kind = "property"
        wrapper = _WRAPPERS.get(result.name) if isinstance(node, ast.FunctionDef) else None
        # A property that is a stream is a property all the same.
        if wrapper is not None and (wrapper, kind) != ("stream", "property"):
            kind = wrapper if wrapper == "stream" else kind
            result = result.arguments[0] if result.arguments else ANY
        parameters = () if kind == "property" else tuple(self._parameters(node.args))
        return Member(node.name, kind, parameters, result, line=node.lineno)

    def _parameters(self, given: ast.arguments) -> Iterator[Parameter]:
        ordered = [*given.posonlyargs, *given.args]
        required = len(ordered) - len(given.defaults)
        for at, each in enumerate(ordered):
            if at:
                kind = "positional" if at < len(given.posonlyargs) else "any"
                yield Parameter(each.arg, kind, self._type(each.annotation), at >= required)
        if given.vararg is not None:
            yield Parameter(given.vararg.arg, "rest", self._type(given.vararg.annotation), optional=True)
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            yield Parameter(each.arg, "keyword", self._type(each.annotation), default is not None)
        if given.kwarg is not None:
            yield Parameter(given.kwarg.arg, "named", self._type(given.kwarg.annotation), optional=True)

    def _type(self, node: ast.expr | None) -> Type:
        match node:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=value) if value is ...:
                return Type("...")
            case ast.Constant(value=str(text)):
                return self._quoted(text)
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(attr=name):
                return Type(name)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return union([self._type(left), self._type(right)])
            case ast.Subscript(value=value, slice=inside):
                return self._subscript(self._type(value).name, inside)
            case _:
                return ANY

    def _mentions(self, nodes: list[ast.expr], name: str) -> bool:
        return any(isinstance(each, ast.Name) and self._imported.get(each.id, each.id) == name for each in nodes)

    def _named(self, name: str) -> Type:
        meant = self._assigned.get(name)
        # `_list = list`, as such files have it where a member hides a type, or an alias that somebody made.
        if meant is not None and not isinstance(meant, ast.Call):
            del self._assigned[name]
            found = self._type(meant)
            self._assigned[name] = meant
            return found
        name = self._imported.get(name, name)
        return Type(_SAME.get(name, name))

    def _subscript(self, name: str, inside: ast.expr) -> Type:
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if name == "Literal":
            return _literal(parts)
        if name == "Callable" and len(parts) == 2:
            takes = parts[0].elts if isinstance(parts[0], ast.List) else [parts[0]]
            return Type(name, (self._type(parts[1]), *(self._type(each) for each in takes)))
        arguments = [self._type(part) for part in parts]
        if name in ("AsyncIterator", "AsyncIterable"):
            return Type(name, tuple(arguments[:1]))
        if name == "Union":
            return union(arguments)
        return union([*arguments, NONE]) if name == "Optional" else Type(name, tuple(arguments))

    def _quoted(self, text: str) -> Type:
        try:
            return self._type(ast.parse(text, mode="eval").body)
        except SyntaxError:
            return ANY


def _names_in(node: ast.ClassDef) -> Iterator[str]:
    """The names of types that the members of *node* speak of."""
    for each in node.body:
        for inner in ast.walk(each):
            if isinstance(inner, ast.Name):
                yield inner.id
            elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value.isidentifier():
                yield inner.value


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case _:
                continue


def _literal(parts: list[ast.expr]) -> Type:
    values: list[Scalar] = []
    for part in parts:
        try:
            value = ast.literal_eval(part)
        except ValueError:
            return ANY
        if value is not None and not isinstance(value, str | int):
            return ANY
        values.append(value)
    rest = [value for value in values if value is not None]
    named = [Type("Literal", values=tuple(rest))] if rest else []
    return union([*named, NONE] if len(rest) < len(values) else named)
