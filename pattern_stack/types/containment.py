"""Whether every value of one schema is a value of another; and where not, what has changed, in words.

What the application sends has to be what its clients expect: the new schema lies within the old one. What clients send has to
be what the application takes: the old one lies within the new one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pattern_stack.types.shapes import Schema, Shape, shape_of, tag_of

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "multipleOf")


class Change(NamedTuple):
    """One that breaks."""

    path: str
    text: str


class Containment:
    """Compares what is sent (`sent=True`: new within old), or what is taken (old within new)."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any], *, sent: bool) -> None:
        """`old`, `new`: the schemas that references mean."""
        self._old = old
        self._new = new
        self._sent = sent
        self._under_way = list[tuple[Schema, Schema]]()
        """Types may contain themselves."""

    def changes(self, old: Any, new: Any, path: str) -> Iterator[Change]:
        before, after = shape_of(old, self._old), shape_of(new, self._new)
        inner, outer = (after, before) if self._sent else (before, after)
        if any(kind == "any" for kind, _ in outer.typed):
            return
        if inner.nullable and not outer.nullable:
            yield Change(path, "it may be null now" if self._sent else "it must not be null any more")
        yield from self._literals(inner, outer, path)
        for kind, schema in inner.typed:
            yield from self._member(kind, schema, outer, path, before, after)

    def _literals(self, inner: Shape, outer: Shape, path: str) -> Iterator[Change]:
        kinds = {kind for kind, _ in outer.typed}
        lost = [
            text for text, value in inner.literals.items() if text not in outer.literals and not _covers(kinds, value)
        ]
        if lost and inner.literals and (outer.literals or not self._sent):
            what = "it may be {} now" if self._sent else "it must not be {} any more"
            yield Change(path, what.format(" or ".join(lost)))
        elif lost:
            yield self._type_changed(path, outer, inner)

    def _member(
        self, kind: str, schema: Schema, outer: Shape, path: str, before: Shape, after: Shape
    ) -> Iterator[Change]:
        """One alternative of what has to lie within."""
        same = [one for other, one in outer.typed if other == kind or (kind, other) == ("integer", "number")]
        if not same:
            yield Change(path, f"its type was {before.words()}, and is {after.words()}")
            return
        if kind == "object" and (tag := tag_of(schema)):
            tagged = [one for one in same if _agrees(tag, tag_of(one))]
            if not tagged and any(tag_of(one) for one in same):
                named = ", ".join(f"{name} {value!r}" for name, value in tag.items())
                yield Change(
                    path, f"there is a variant with {named} now" if self._sent else f"no variant has {named} any more"
                )
                return
            same = tagged or same
        found = [list(self._within(kind, *self._ordered(schema, one), path)) for one in same]
        yield from min(found, key=len)

    def _ordered(self, inner: Schema, outer: Schema) -> tuple[Schema, Schema]:
        """As old and new."""
        return (outer, inner) if self._sent else (inner, outer)

    def _type_changed(self, path: str, one: Shape, other: Shape) -> Change:
        before, after = (one, other) if self._sent else (other, one)
        return Change(path, f"its type was {before.words()}, and is {after.words()}")

    # -- values of one type

    def _within(self, kind: str, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        if any(one is old and other is new for one, other in self._under_way):
            return
        self._under_way.append((old, new))
        try:
            yield from self._of_kind(kind, old, new, path)
        finally:
            self._under_way.pop()

    def _of_kind(self, kind: str, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        if old.get("format") != new.get("format"):
            yield Change(path, f"its format was {old.get('format', 'none')}, and is {new.get('format', 'none')}")
        if not self._sent:
            yield from _narrowed(old, new, path)
        if kind == "array":
            yield from self._arrays(old, new, path)
        elif kind == "object":
            yield from self._objects(old, new, path)

    def _arrays(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        before, after = old.get("items", True), new.get("items", True)
        if isinstance(before, list) != isinstance(after, list) or (
            isinstance(before, list) and len(before) != len(after)
        ):
            yield Change(path, "its length was fixed, or is, or is another one")
        elif isinstance(before, list):
            for number, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from self.changes(one, other, f"{path}[{number}]")
        else:
            yield from self.changes(before, after, f"{path}[]")

    def _objects(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in dict.fromkeys([*before, *after]):
            at = f"{path}.{name}"
            if name not in after:
                if self._sent:
                    yield Change(at, "it is gone")
                elif new.get("additionalProperties") is False:
                    yield Change(at, "it must not be there any more")
            elif name not in before:
                if not self._sent and name in is_required:
                    yield Change(at, "it is new, and has to be there")
            else:
                yield from self._optional(at, name in was_required, name in is_required)
                yield from self.changes(before[name], after[name], at)
        if not before and not after:
            yield from self._maps(old, new, path)

    def _optional(self, path: str, was_required: bool, is_required: bool) -> Iterator[Change]:
        if self._sent and was_required and not is_required:
            yield Change(path, "it may be missing now")
        if not self._sent and is_required and not was_required:
            yield Change(path, "it has to be there now")

    def _maps(self, old: Schema, new: Schema, path: str) -> Iterator[Change]:
        yield from self.changes(old.get("propertyNames", True), new.get("propertyNames", True), f"{path}{{key}}")
        yield from self.changes(
            old.get("additionalProperties", True), new.get("additionalProperties", True), f"{path}{{}}"
        )


def _narrowed(old: Schema, new: Schema, path: str) -> Iterator[Change]:
    """A bound of what clients send that is closer than before."""
    for name in (*_LOWER, *_UPPER, *_EXACT):
        before, after = old.get(name), new.get(name)
        if after is None or before == after:
            continue
        if not isinstance(before, type(after) | int | float):  # not what this package writes
            before = None
        if before is None or name in _EXACT or (after > before if name in _LOWER else after < before):
            was = "was not there" if before is None else f"was {before}"
            yield Change(path, f"{name} {was}, and is {after}")


def _covers(kinds: set[str], value: Any) -> bool:
    """Whether a value is one of the types."""
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, str):
        return "string" in kinds
    return "number" in kinds or (isinstance(value, int) and "integer" in kinds)


def _agrees(tag: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    common = tag.keys() & other.keys()
    return bool(common) and all(tag[name] == other[name] for name in common)
