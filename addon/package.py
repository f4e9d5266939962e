"""The name of the whole extension, which Blender chooses on installing."""

PACKAGE = __package__.rpartition(".")[0]
