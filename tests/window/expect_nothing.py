"""After one undo: nothing of the result is left, and nothing else has changed."""

import bpy

assert [item.name for item in bpy.data.objects if "one2345_job" in item] == []
assert sorted(item.name for item in bpy.data.objects) == ["Camera", "Light"], bpy.data.objects.keys()
