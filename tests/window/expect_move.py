"""While the move goes on: it is still one, and no result has come in."""

import bpy

cube = bpy.data.objects["Moved"]
tools = [tool.bl_idname for window in bpy.context.window_manager.windows for tool in window.modal_operators]
assert tools == ["TRANSFORM_OT_translate"], tools
assert bpy.context.selected_objects == [cube], bpy.context.selected_objects
assert [item.name for item in bpy.data.objects if "one2345_job" in item] == []
