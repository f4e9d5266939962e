"""Simplified Chinese."""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "Image to 3D": "图像转 3D",
    "Cut-Out": "抠图",
    "Edit": "编辑",
    "Show": "显示",
    "Mask": "遮罩",
    "Paste": "粘贴",
    "View": "视图",
    "Render": "渲染",
    "From Empties": "来自空物体",
    "Open Picture...": "打开图片...",
    "Log": "日志",
    "~ {time}": "约 {time}",
    "Cut out": "抠图",
    "Cutting out...": "正在抠图...",
    "Six views": "六视图",
    "Coarse shape": "粗略形状",
    "Fine shape": "精细形状",
    "Mesh": "网格",
    "Texture": "纹理",
    "kept": "已保留",
    "{percent}, {time} left": "{percent}，剩余 {time}",
    "{count} s": "{count} 秒",
    "{count} min": "{count} 分钟",
    "Cancel": "取消",
    "Cancelling...": "正在取消...",
    "Starting...": "正在启动...",
    "Waiting": "等待中",
    "Failed": "失败",
    "Cancelled": "已取消",
    "Interrupted": "已中断",
    "All Results": "全部结果",
    "Results": "结果",
    "Continue From": "从此处继续",
    "Continue": "继续",
    "{quality}, seed {seed}": "{quality}，种子 {seed}",
    "Backend": "后端",
    "Import": "导入",
    "Make": "处理",
    "Not running": "未运行",
    "Ready": "就绪",
    "Working": "工作中",
    "Stop": "停止",
    "Stopping...": "正在停止...",
    "Preferences": "偏好设置",
    "Draft": "草稿",
    "Standard": "标准",
    "High": "高",
    "Quality": "质量",
    "Seed": "种子",
    "Keep Seed": "保持种子",
    "Place": "位置",
    "3D Cursor": "3D 游标",
    "World Origin": "世界原点",
    "Size (m)": "尺寸（米）",
    "Collection": "集合",
    "Faces": "面数",
    "Pack Texture": "打包纹理",
    "Paint from Picture": "用图片绘制",
    "Flat Base": "平整底面",
    "Cut the underside flat, so that the object stands": "将底面切平，使物体能够站立",
    "Paint what the picture shows from the picture itself, where the mesh fits it": (
        "在网格与图片吻合处，直接用图片绘制可见部分"
    ),
    "Mark as Asset": "标记为资产",
    "Catalog": "编录",
    "Tags": "标签",
    "Image": "图像",
    "Picture of one object to make in 3D": "要转为三维的单个物体的图片",
    "Bright where the object is; empty: the object is found in the picture": (
        "物体所在处为亮色；留空则自动在图片中寻找物体"
    ),
    "Time against quality": "时间与质量的取舍",
    "Same picture, settings and seed make the same mesh": "相同的图片、设置和种子得到相同的网格",
    "Keep the seed; else every Generate takes another one": "保持种子不变；否则每次生成都换一个",
    "Where the object stands; a dropped picture's stands where it was dropped": (
        "物体的位置；拖放的图片则位于拖放处"
    ),
    "Longest side of the object in metres; the scene's unit scale is minded": (
        "物体最长边的长度（米），会考虑场景的单位缩放"
    ),
    "Where the object goes; empty takes the active collection": "物体放入的集合；留空则放入活动集合",
    "Most triangles of the mesh; 0 takes the quality's own number": (
        "网格的最大三角面数；0 表示使用质量预设的数值"
    ),
    "Side of the texture; 0 takes the quality's own size": "纹理边长；0 表示使用质量预设的大小",
    "Join triangles to quads where form and texture allow it": "在形状和纹理允许处把三角面合并为四边面",
    "Keep the texture in the .blend file; else in the job's folder": (
        "把纹理保存在 .blend 文件中；否则保存在任务文件夹中"
    ),
    "Offer the object in the asset browser": "在资产浏览器中提供该物体",
    "Tags of the asset, separated by commas": "资产标签，用逗号分隔",
    "Quick look: 10 000 faces, 512 px texture": "快速预览：10 000 面，512 像素纹理",
    "Balanced: 20 000 faces, 1024 px texture": "均衡：20 000 面，1024 像素纹理",
    "Slow: most steps, 50 000 faces, 2048 px texture": "较慢：步数最多，50 000 面，2048 像素纹理",
    "{preset} takes {needed} GiB of GPU memory, {free} are free": (
        "{preset}需要 {needed} GiB 显存，空闲 {free} GiB"
    ),
    "Use {preset}": "改用{preset}",
    "Free Memory": "释放内存",
    "Choose the best quality that fits the graphics card's memory": "选择显存足够的最高质量",
    "Choose Quality": "选择质量",
    "Choose a picture first": "请先选择图片",
    "Generate 3D": "生成 3D",
    "Generate 3D from Image": "从图像生成 3D",
    "Generate 3D from Folder": "从文件夹生成 3D",
    "Generate 3D from Image Empties": "从图像空物体生成 3D",
    "Make a textured mesh from the picture": "由图片生成带纹理的网格",
    "Make a textured mesh from a picture on disk": "由磁盘上的图片生成带纹理的网格",
    "Make a textured mesh from every picture in a folder, side by side": (
        "为文件夹中的每张图片生成带纹理的网格，并排放置"
    ),
    "New Seed": "新种子",
    "Choose another seed at random": "随机选择另一个种子",
    "Edit Mask": "编辑遮罩",
    "Paste Picture": "粘贴图片",
    "Show Cut-Out": "显示抠图",
    "Snapshot of View": "截取视图",
    "Take Render": "使用渲染结果",
    "Use as Picture for 3D": "用作 3D 的图片",
    "Take a copy of the last render": "使用最近一次渲染的副本",
    "Take the picture in the clipboard": "使用剪贴板中的图片",
    "Take what the 3D view shows, without its background": "使用 3D 视图的内容，不含背景",
    "Cut the object out of the picture and show the result, before anything else is made": (
        "先抠出物体并显示结果，再进行其他步骤"
    ),
    "Make a copy of the picture to erase the background from; what is left is the object": (
        "创建图片副本以擦除背景；剩下的即为物体"
    ),
    "Stop the running job, or the one named": "停止正在运行或指定的任务",
    "Move in Queue": "在队列中移动",
    "Let a waiting job run earlier or later": "让等待的任务提前或推后",
    "Add a finished object to the scene once more, where the import settings say": (
        "按导入设置再次把完成的物体加入场景"
    ),
    "Go on with a job; finished stages are kept as they are, edited or not": (
        "继续任务；已完成的阶段无论是否编辑过都保留"
    ),
    "Reuse Settings": "重用设置",
    "Set the panel to the picture, seed and quality of a job": "把面板设为某任务的图片、种子和质量",
    "Show Folder": "显示文件夹",
    "Open the folder of a job, with all that its stages have made": "打开任务文件夹，其中有各阶段的全部产物",
    "Remove": "移除",
    "Delete a job and its folder; imported objects stay": "删除任务及其文件夹；已导入的物体保留",
    "Dismiss": "关闭",
    "Put a message away; the job stays in the list": "关闭消息；任务仍在列表中",
    "Contact Sheet": "缩略图总览",
    "Make an image of this file that shows all finished results, each beside its picture": (
        "生成一张图像，显示所有结果及其原图"
    ),
    "The image {name} shows all results.": "图像 {name} 显示了全部结果。",
    "Open Log": "打开日志",
    "Stop Backend": "停止后端",
    "End the backend process and free its memory; jobs that wait or run end with it": (
        "结束后端进程并释放内存；等待和运行中的任务也会结束"
    ),
    "Image to 3D...": "图像转 3D...",
    "Folder of Images to 3D...": "图像文件夹转 3D...",
    "Cut Out": "抠图",
    "Six Views": "六视图",
    "Fine Shape": "精细形状",
    "Coarse Shape": "粗略形状",
    "Blender ended before this job did. Continue it: finished stages are kept.": (
        "Blender 在任务完成前退出。请继续：已完成的阶段会保留。"
    ),
    "There is no picture {path}.": "没有图片 {path}。",
    "There is no picture in {folder}.": "{folder} 中没有图片。",
    "There is no image {name!r} in this file.": "此文件中没有图像 {name!r}。",
    "{name} holds no picture; choose another.": "{name} 中没有图片；请另选。",
    "{path} is no picture that Blender can read.": "{path} 不是 Blender 能读取的图片。",
    "There is no picture in the clipboard that Blender can read. Copy one, or save it and open it.": (
        "剪贴板中没有 Blender 能读取的图片。请复制一张，或保存后打开。"
    ),
    "Nothing was rendered yet. Render a picture first (F12).": "尚未渲染。请先渲染一张图片 (F12)。",
    "The job {name} has not ended yet; cancel it first.": "任务 {name} 尚未结束；请先取消。",
    "No job is done yet; there is nothing to show.": "还没有完成的任务，没有可显示的内容。",
    "The backend has not written a log yet.": "后端尚未写入日志。",
    "The folder {folder} is gone.": "文件夹 {folder} 已不存在。",
    "Install": "安装",
    "From a Folder...": "来自文件夹...",
    "Installed.": "已安装。",
    "One2345 computes with packages of its own, which are not installed yet.": (
        "One2345 使用自带的软件包，尚未安装。"
    ),
    "Repair": "修复",
    "Verify": "检查",
    "Update": "更新",
    "Uninstall": "卸载",
    "Open Views": "打开视图",
    "Continue from Views": "从视图继续",
    "Edit Shape": "编辑形状",
    "Continue from Shape": "从形状继续",
    "Re-texture from Views": "从视图重新贴图",
    "Refresh Texture": "刷新纹理",
    "Select a mesh first.": "请先选择网格。",
    "Re-roll": "重新生成",
    "From File...": "来自文件...",
    "From Scene": "来自场景",
    "Choose views by their numbers on the sheet": "按图上的编号选择视图",
    "Re-roll Views": "重新生成视图",
    "Replace View from File": "用文件替换视图",
    "Render Views from Scene": "从场景渲染视图",
    "Choose a view first: the numbers are those on the sheet, row by row.": (
        "请先选择视图：编号按图上的行依次排列。"
    ),
    "A render is running. Wait for its end.": "正在渲染，请等待其结束。",
    "No views are open. Open some first.": "没有打开的视图，请先打开。",
    "The sheet is gone; the new views are in {folder}.": "视图图像已不存在；新视图在 {folder} 中。",
    "The job {name} does not tell its six cameras. Generate it again.": (
        "任务 {name} 没有六个相机的信息，请重新生成。"
    ),
    "The camera of view {number} is gone. Open the views again.": (
        "视图 {number} 的相机已不存在，请重新打开视图。"
    ),
    "The view could not be rendered: {reason}": "无法渲染视图：{reason}",
    "A sheet has 3 rows of 2 square views; this one is {size} pixels.": (
        "视图图像应为 3 行 2 列的正方形视图；此图为 {size} 像素。"
    ),
    "There is no shape to continue from. Choose Edit Shape first.": (
        "没有可继续的形状，请先选择“编辑形状”。"
    ),
    "Nothing of {name} is left where the object is. Undo and try again.": (
        "{name} 在物体所在处已无剩余，请撤销后重试。"
    ),
    "{name} is as it was, to the size of a cell. Edit it first.": (
        "{name} 与之前相同（精确到一个单元），请先编辑。"
    ),
    "{name} is no coarse shape. Choose Edit Shape again.": "{name} 不是粗略形状，请重新选择“编辑形状”。",
    "{name} has no faces. Undo and try again.": "{name} 没有面，请撤销后重试。",
    "{name} was made by no job. Use Re-texture from Views.": (
        "{name} 不是由任务生成的，请使用“从视图重新贴图”。"
    ),
    "{name} has no texture coordinates. Unwrap it first.": "{name} 没有纹理坐标，请先展开 UV。",
    "The texture coordinates of {name} leave the picture. Pack its islands first.": (
        "{name} 的纹理坐标超出图像，请先排列孤岛。"
    ),
    "The object {name} is gone; the texture is in {path}.": "物体 {name} 已不存在；贴图在 {path} 中。",
    "{name} has no {file}. Continue the job first, or choose another.": (
        "{name} 没有 {file}，请先继续该任务或选择其他任务。"
    ),
    "The folder {folder} is gone or damaged.": "文件夹 {folder} 已不存在或已损坏。",
    "There is no finished object. Select one, or generate one first.": (
        "没有已完成的物体，请选择或先生成一个。"
    ),
    "Cancel 3D Generation": "取消 3D 生成",
    "Remesh to Even Quads": "重构为均匀四边面",
    "Blender ended before this result came in. Import it where you want it.": (
        "Blender 在此结果导入之前退出。请在需要的位置导入。"
    ),
    "Catalog of the asset browser, such as Props/Toys; a new one is listed beside the saved .blend file": (
        "资产浏览器的目录，例如 Props/Toys；新目录会记录在已保存的 .blend 文件旁"
    ),
    "The asset is in no catalog {name}: save the .blend file first, then import again.": (
        "资产不在目录 {name} 中：请先保存 .blend 文件，然后重新导入。"
    ),
    "Polygons": "多边形",
    "What the mesh consists of": "网格由什么组成",
    "Triangles": "三角面",
    "The mesh as it was made": "网格保持生成时的样子",
    "Joined Quads": "合并四边面",
    "Even Quads": "均匀四边面",
    "Remesh by QuadriFlow: Blender stands still for some seconds, and the texture follows": (
        "用 QuadriFlow 重新网格化：Blender 会停顿几秒，纹理随后生成"
    ),
    "Even quads are made in Object Mode: select the object and remesh it there.": (
        "均匀四边面在物体模式下生成：请选择物体并在该模式下重新网格化。"
    ),
    "From Words": "用文字生成",
    "From words to a picture": "从文字到图片",
    "Words": "文字",
    "What to make, in a few words, such as: a red armchair with wooden legs": (
        "用几个词描述要制作的物体，例如：带木腿的红色扶手椅"
    ),
    "What draws pictures from words": "根据文字绘制图片的模型",
    "Folder of a diffusers text-to-image model, or its id on the hub": (
        "diffusers 文生图模型的文件夹，或其 Hub 标识"
    ),
    "Pictures": "图片数",
    "How many pictures to choose from": "可供选择的图片数量",
    "A model of your own": "自己的模型",
    "Draw pictures of one object from words, to choose from": "根据文字绘制单个物体的图片供选择",
    "Draw Pictures": "绘制图片",
    "Drawing": "绘制中",
    "Use {number}": "使用 {number}",
    "Take this picture as the one to make in 3D": "用这张图片生成 3D",
    "{name} is not on this disk: {size} GB, {licence}": "{name} 不在本机：{size} GB，{licence}",
    "Download...": "下载...",
    "Downloading {percent}": "正在下载 {percent}",
    "Stop Download": "停止下载",
    "I have read the licence and accept it": "我已阅读并接受许可证",
    "Draw pictures first.": "请先绘制图片。",
    "There is no picture {number} to choose.": "没有可选的图片 {number}。",
    "Choose the folder of a text-to-image model.": "请选择文生图模型的文件夹。",
    "A model is being downloaded already.": "已有模型正在下载。",
    "The download failed; the log {path} tells more.": "下载失败；详情见日志 {path}。",
    "Method": "方法",
    "The method, and the networks that draw the views": "方法，以及绘制视图的网络",
    "Engine": "引擎",
    "The method": "所用方法",
    "Weights": "权重",
    "The networks that draw the views": "绘制视图的网络",
    "Folder of weights": "权重文件夹",
    "Weights of your own": "自己的权重",
    "Bundled, free for every use (Apache-2.0)": "随附，可自由用于任何用途（Apache-2.0）",
    "Six views at once, then a coarse and a fine shape by diffusion; all of them can be edited": (
        "一次生成六个视图，再用扩散生成粗略与精细形状；均可编辑"
    ),
    "32 views one by one, then a shape straight from them; no six views or coarse shape to edit": (
        "逐一生成 32 个视图并直接重建形状；没有可编辑的六视图或粗略形状"
    ),
    "The weights must be downloaded first": "需要先下载权重",
    "Choose the folder of the weights.": "请选择权重文件夹。",
    "{name} was made by One-2-3-45, which has no six views or coarse shape.": (
        "{name} 由 One-2-3-45 生成，没有六视图或粗略形状。"
    ),
    "{size} GiB of {kind} memory": "{kind} 内存 {size} GiB",
    "These weights are for the other engine": "这些权重用于另一引擎",
    "Say in a few words what to make ({reason}).": "请用几个词说明要制作什么（{reason}）。",
    "Time: not known before the first run on this machine.": "时间：本机首次运行后才知道。",
    "Time: about {time} on this machine.": "时间：本机约 {time}。",
    "Memory: {size} GiB on this machine.": "内存：本机 {size} GiB。",
    "Memory: about {size} GiB ({kind}).": "内存：约 {size} GiB（{kind}）。",
    "processor": "处理器",
    "graphics card": "显卡",
    "Start": "启动",
    "Start Backend": "启动后端",
    "Start the backend process now, so that the first job does not wait for it": (
        "立即启动后端进程，第一个任务就不必等待"
    ),
    "{state}: {device}": "{state}：{device}",
    "GPU memory: {free} of {total} GiB free": "显存：{total} GiB 中可用 {free} GiB",
    "Memory: {free} of {total} GiB free": "内存：{total} GiB 中可用 {free} GiB",
    "Starter": "入门",
    "Redo View": "重画视图",
    "Draw this view anew, keep the others, and make the object of them; a job that runs is cancelled": (
        "重新绘制此视图，保留其余视图并由此生成物体；正在运行的任务会被取消"
    ),
    "Its number on the sheet, row by row": "在视图表上的编号，逐行计数",
}
