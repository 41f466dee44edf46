"""Find a plug-in by its exact name: a table of our own, then Python entry points; imported only when asked for."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from pilot.errors import NotFound

T = TypeVar("T")


class Registry(Generic[T]):
    """`table` maps a name to `package.module:attribute`; `group` is the entry-point group for outside plug-ins."""

    def __init__(self, kind: str, table: Mapping[str, str], *, group: str) -> None:
        self.kind = kind
        self._table = dict(table)
        self._group = group

    def names(self) -> list[str]:
        return sorted(self._table.keys() | {point.name for point in entry_points(group=self._group)})

    def get(self, name: str) -> type[T]:
        """Import and return the class. Our own names win over outside plug-ins of the same name.

        Raises NotFound, which lists the known names.
        """
        if name in self._table:
            module, _, attribute = self._table[name].partition(":")
            found: type[T] = getattr(import_module(module), attribute)
            return found
        for point in entry_points(group=self._group, name=name):
            loaded: type[T] = point.load()
            return loaded
        known = ", ".join(self.names())
        raise NotFound(f"unknown {self.kind} {name!r}", remedy=f"Known: {known}.", name=name, known=known)
