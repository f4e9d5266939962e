"""From errors to what the artist reads."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from .errors import AddonError

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    Returned = set[OperatorReturnItems]


def reported(operator: bpy.types.Operator, work: Callable[[], object]) -> "Returned":
    """Do the work; an error becomes the operator's report, which scripts get as a RuntimeError."""
    try:
        work()
    except AddonError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    return {"FINISHED"}
