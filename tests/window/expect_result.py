"""After a drop at the right front of the ground: one object, there, one metre long, selected, packed."""

import bpy

names = [item.name for item in bpy.data.objects if "one2345_job" in item]
assert len(names) == 1, names
obj = bpy.data.objects[names[0]]
assert abs(obj.location.z) < 1e-4
assert obj.location.length > 1.0, "not at the drop place, but at the 3D cursor"
assert abs(max(obj.dimensions[:]) - 1.0) < 1e-3
assert bpy.context.selected_objects == [obj]
assert bpy.context.mode == "OBJECT"
nodes = obj.active_material.node_tree.nodes
texture = next(node for node in nodes if isinstance(node, bpy.types.ShaderNodeTexImage))
assert texture.image.packed_file is not None
