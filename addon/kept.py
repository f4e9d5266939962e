"""Datablocks that are made some time before they are used, and may be gone by then."""

from collections.abc import Callable
from typing import Generic, TypeVar

import bpy

Block = TypeVar("Block", bound=bpy.types.ID)


class Kept(Generic[Block]):
    """A datablock by name: an undo between two ticks takes it away, and then it is made anew."""

    def __init__(self, collection: str, make: Callable[[], Block]) -> None:
        self._collection = collection
        self._make = make
        self._name = ""
        self._uid = 0

    def get(self) -> Block:
        """The datablock, made if it is not there."""
        found = self._found()
        if found is None:
            found = self._make()
            self._name, self._uid = found.name, found.session_uid
        return found

    def drop_if_unused(self) -> None:
        """Remove it again, if nothing has come to use it."""
        found = self._found()
        if found is not None and not found.users:
            getattr(bpy.data, self._collection).remove(found)

    def _found(self) -> Block | None:
        found = getattr(bpy.data, self._collection).get(self._name) if self._name else None
        return found if found is not None and found.session_uid == self._uid else None
