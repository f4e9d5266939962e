"""A cube beside the middle, selected, and a job on its way; the window then begins a move by the key G."""

# Our operators are known to a running Blender only.
# pyright: reportAttributeAccessIssue=false

import bpy

bpy.ops.mesh.primitive_cube_add(location=(-3, 0, 0))
bpy.context.object.name = "Moved"
bpy.ops.ed.undo_push(message="cube")
bpy.ops.one2345.generate()
