"""Simplified Chinese: what installation, preferences and the process of the backend say."""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "Looking at this computer": "检查这台电脑",
    "Checking what is there": "检查已有内容",
    "Preparing Python": "准备 Python",
    "Asking for the packages": "查询软件包",
    "Installing the packages": "安装软件包",
    "Loading the packages": "加载软件包",
    "Fetching the models": "获取模型",
    "Making a small mesh": "生成一个小网格",
    "Finishing": "完成",
    "Removing": "移除",
    "Moving": "移动",
    "Downloading the model": "下载模型",
    "Checking the model": "检查模型",
    "Checking the models": "正在检查模型",
    "Removing the model": "移除模型",
    "Copying the model": "复制模型",
    "unpacking": "解压",
    "Computing on the Apple chip": "在 Apple 芯片上计算",
    "Computing on the processor: no NVIDIA card is here": "在处理器上计算：没有 NVIDIA 显卡",
    "Computing on {card}": "在 {card} 上计算",
    "Computing with the build {build}": "使用版本 {build} 计算",
    "{card} is too old for today's packages: computing on the processor": (
        "{card} 太旧，不受现有软件包支持：在处理器上计算"
    ),
    "The driver of {card} is version {driver}: computing on the processor. "
    "Install driver {wanted} or newer, then click Repair": (
        "{card} 的驱动版本为 {driver}：在处理器上计算。请安装 {wanted} 或更新的驱动，然后点击修复"
    ),
    "This version has no packages for {card} on this system: computing on the processor": (
        "此版本没有适用于本系统上 {card} 的软件包：在处理器上计算"
    ),
    "The packages do not reach the graphics card: computing on the processor. "
    "Install the newest driver, then click Repair": (
        "软件包无法使用显卡：在处理器上计算。请安装最新驱动，然后点击修复"
    ),
    "{sentence}. No Python of its own could be had, so it builds on Blender's": (
        "{sentence}。无法获得独立的 Python，因此使用 Blender 自带的"
    ),
    "{sentence}. No Python of its own could be had, so it builds on this computer's": (
        "{sentence}。无法获得独立的 Python，因此使用这台电脑上的"
    ),
    "Removed: {parts}": "已移除：{parts}",
    "Moved to {path}": "已移动到 {path}",
    "{model}: all files are as they should be": "{model}：所有文件均正确",
    "{model} removed, {size} MB freed": "{model} 已移除，释放 {size} MB",
    "{model} imported": "{model} 已导入",
    "{model}: {count} files fetched": "{model}：已获取 {count} 个文件",
    "{model} was there already": "{model} 已存在",
    "Stopped; what was downloaded is kept": "已停止；已下载的内容会保留",
    "One2345 needs macOS {LEAST_MACOS} or newer, and this Mac has {version}": (
        "One2345 需要 macOS {LEAST_MACOS} 或更高版本，而这台 Mac 是 {version}"
    ),
    "One2345 runs on Linux and Windows (x64) and on Apple chips, not on {machine}": (
        "One2345 可在 Linux 和 Windows（x64）以及 Apple 芯片上运行，不支持 {machine}"
    ),
    "This version has no list of packages {name}; choose another build of torch": (
        "此版本没有软件包列表 {name}；请选择其他 torch 版本"
    ),
    "This folder is for {other}, but this is {system}; choose another folder": (
        "此文件夹适用于 {other}，而本机是 {system}；请选择其他文件夹"
    ),
    "There are {free} GB free at {path}, but {needed} GB are needed; "
    "free some space or choose another data folder in the preferences": (
        "{path} 剩余 {free} GB，需要 {needed} GB；请释放空间或在偏好设置中选择其他数据文件夹"
    ),
    "There are {free} GB free at {path}, but {needed} GB are needed; choose another folder": (
        "{path} 剩余 {free} GB，需要 {needed} GB；请选择其他文件夹"
    ),
    "The data folder {path} cannot be made ({reason}); choose another in the preferences": (
        "无法创建数据文件夹 {path}（{reason}）；请在偏好设置中选择其他文件夹"
    ),
    "The data folder {path} has a path of {count} characters; "
    "choose one of at most {limit} in the preferences": (
        "数据文件夹 {path} 的路径有 {count} 个字符；请在偏好设置中选择不超过 {limit} 个字符的路径"
    ),
    "There is no Python {version} to build on and none could be downloaded; "
    "connect to the internet, or install Python {version} and try again": (
        "没有可用的 Python {version}，也无法下载；请连接网络，或安装 Python {version} 后重试"
    ),
    "The package {name} does not load ({reason}); click Repair, and report this if that does not help": (
        "软件包 {name} 无法加载（{reason}）；请点击修复，若无效请报告"
    ),
    "Windows lacks Microsoft's Visual C++ runtime; install 'Visual C++ Redistributable x64', "
    "then click Repair": (
        "Windows 缺少 Microsoft Visual C++ 运行库；请安装“Visual C++ Redistributable x64”，然后点击修复"
    ),
    "The graphics driver is too old for the packages; install the newest driver and click Repair": (
        "显卡驱动太旧，不适用于这些软件包；请安装最新驱动并点击修复"
    ),
    "This system lacks a library that the packages need; the log names it. Install it and click Repair": (
        "系统缺少软件包所需的库，日志中有其名称。请安装后点击修复"
    ),
    "The test failed ({reason}); click Repair, and report this if that does not help": (
        "测试失败（{reason}）；请点击修复，若无效请报告"
    ),
    "The disk is full; free some space and click Install again, it goes on where it stopped": (
        "磁盘已满；请释放空间后再次点击安装，会从停止处继续"
    ),
    "A downloaded package is not the file it should be; click Install again, only that one is fetched": (
        "某个下载的软件包不正确；请再次点击安装，只会重新获取该软件包"
    ),
    "Another program, most likely the antivirus, holds a file; "
    "allow the data folder there and click Repair": (
        "其他程序（很可能是杀毒软件）占用了文件；请在其中允许数据文件夹，然后点击修复"
    ),
    "The data folder cannot be written; choose another in the add-on preferences": (
        "无法写入数据文件夹；请在插件偏好设置中选择其他文件夹"
    ),
    "The connection broke off or a server does not answer; click Install again, what is there is kept": (
        "连接中断或服务器没有响应；请再次点击安装，已有内容会保留"
    ),
    "A package is not where it should be; check the network or choose another folder, then try again": (
        "找不到某个软件包；请检查网络或选择其他文件夹，然后重试"
    ),
    "The packages could not be installed (uv ended with {code}: {reason}); the log tells more": (
        "无法安装软件包（uv 以 {code} 结束：{reason}）；详情见日志"
    ),
    "This zip brings no installer; take the zip that is made for this system": (
        "此压缩包不含安装程序；请使用适用于本系统的压缩包"
    ),
    "Everything is as it should be": "一切正常",
    "Nothing is installed in {path}; click Install": "{path} 中没有安装任何内容；请点击安装",
    "The environment is gone or was never finished; click Repair": "环境不存在或未完成；请点击修复",
    "The packages are those of another version of One2345; click Update": (
        "这些软件包属于 One2345 的另一个版本；请点击更新"
    ),
    "The package {name} is damaged; click Repair": "软件包 {name} 已损坏；请点击修复",
    "{file} of {model} is missing or damaged; click Repair": "{model} 的 {file} 缺失或已损坏；请点击修复",
    "{file} of {model} is missing or damaged; download it again": (
        "{model} 的 {file} 缺失或已损坏；请重新下载"
    ),
    "{file} of {model} is missing or damaged; install the extension again": (
        "{model} 的 {file} 缺失或已损坏；请重新安装扩展"
    ),
    "{name} cannot be started ({reason}); click Repair": "无法启动 {name}（{reason}）；请点击修复",
    "The extension's installer is damaged; install the extension again": (
        "扩展的安装程序已损坏；请重新安装扩展"
    ),
    "The package of {name} holds no {file}; report this": "{name} 的软件包中没有 {file}；请报告",
    "{path} and {other} must not lie in each other; choose another folder": (
        "{path} 与 {other} 不能互相包含；请选择其他文件夹"
    ),
    "{path} is not empty; choose an empty folder": "{path} 不是空的；请选择空文件夹",
    "{files} of {model} must be downloaded again": "{model} 的 {files} 需要重新下载",
    "There is no folder to import from; name one with --from": "没有指定导入的文件夹；请用 --from 指定",
    "There is no part {name}; choose from {others}": "没有 {name} 这一部分；可选：{others}",
    "There is no model {name}; choose {others}": "没有模型 {name}；可选：{others}",
    "The table of models is damaged ({reason}); install the extension again": (
        "模型表已损坏（{reason}）；请重新安装扩展"
    ),
    "{model} is under {licence}, which does not allow every use; "
    "read it, then download with --accept-licence": (
        "{model} 使用 {licence} 许可，并非允许所有用途；请阅读后用 --accept-licence 下载"
    ),
    "{file} is not the file it should be; download it again": "{file} 不正确；请重新下载",
    "{file} is not in that folder; choose another folder": "该文件夹中没有 {file}；请选择其他文件夹",
    "{file} in that folder is not the file it should be; choose another folder": (
        "该文件夹中的 {file} 不正确；请选择其他文件夹"
    ),
    "{file} has no address that can be fetched; report this": "{file} 没有可下载的地址；请报告",
    "The download of {file} broke off; try again, it goes on where it stopped": (
        "{file} 的下载中断；请重试，会从停止处继续"
    ),
    "{file} is not the file it should be; try again or report this": "{file} 不正确；请重试或报告",
    "The download of {file} broke off at {done} of {size} bytes; try again": (
        "{file} 的下载在 {done} / {size} 字节处中断；请重试"
    ),
    "The server cannot give {file} now ({code}); try again later": (
        "服务器暂时无法提供 {file}（{code}）；请稍后重试"
    ),
    "The server of {file} does not answer; check the network, try again": (
        "{file} 的服务器没有响应；请检查网络后重试"
    ),
    "The server has no {file} ({code}); report this": "服务器上没有 {file}（{code}）；请报告",
    "{path} is a folder; name a file to write": "{path} 是文件夹；请指定要写入的文件",
    "There is no folder {path}; make it or choose another place": (
        "没有文件夹 {path}；请创建它或选择其他位置"
    ),
    "{path} is write-protected; choose another place": "{path} 是只读的；请选择其他位置",
    "The disk is full: {path} cannot be written; free some space and run the job again": (
        "磁盘已满：无法写入 {path}；请释放空间后重试"
    ),
    "{path} cannot be written ({reason}); choose another place": (
        "无法写入 {path}（{reason}）；请选择其他位置"
    ),
    "An unexpected fault ({reason}); the log tells more": "意外错误（{reason}）；详情见日志",
    "Stopped.": "已停止。",
    "Stopped. Install goes on where it was.": "已停止。再次安装会从此处继续。",
    "The installer works already; wait until it is done or cancel it.": (
        "安装程序已在运行；请等待其完成或取消。"
    ),
    "Blender's online access is off. Turn on 'Allow Online Access' in Preferences > System, "
    "or install from a folder.": (
        "Blender 的在线访问已关闭。请在偏好设置 > 系统中打开“允许在线访问”，或从文件夹安装。"
    ),
    "{path} holds no packages. Choose a folder made by 'build.py offline'.": (
        "{path} 中没有软件包。请选择由“build.py offline”生成的文件夹。"
    ),
    "Nothing is chosen to be removed.": "没有选择要移除的内容。",
    "Saved {path}": "已保存 {path}",
    "There is no model {name!r}.": "没有模型 {name!r}。",
    "{model} is under {licence}. Accept it to download.": "{model} 使用 {licence} 许可。接受后才能下载。",
    "The extension's table of models is damaged. Install the extension again.": (
        "扩展的模型表已损坏。请重新安装扩展。"
    ),
    "This zip brings no installer: choose a Python environment above.": (
        "此压缩包不含安装程序：请在上方选择 Python 环境。"
    ),
    "About {size} GB to download ({cuda} GB with an NVIDIA card) into {path}: PyTorch and other open-source "
    "packages, and one model ({models}). Nothing else is changed on this computer.": (
        "约需下载 {size} GB（有 NVIDIA 显卡时 {cuda} GB）到 {path}：PyTorch 和其他开源软件包，以及一个模型"
        "（{models}）。不会更改这台电脑上的其他内容。"
    ),
    "Download Model": "下载模型",
    "Import Model": "导入模型",
    "Remove Model": "移除模型",
    "Delete a model's files; it can be downloaded again": "删除模型的文件；可以重新下载",
    "Download a model, after its licence was shown": "显示许可后下载模型",
    "Take a model over from a folder that holds its files": "从包含其文件的文件夹导入模型",
    "Check every file and make the environment anew; only what is damaged is downloaded again": (
        "检查每个文件并重建环境；只重新下载损坏的部分"
    ),
    "Check every package and model by its checksum; nothing is changed or downloaded": (
        "按校验和检查每个软件包和模型；不更改也不下载任何内容"
    ),
    "Download and install what One2345 computes with": "下载并安装 One2345 计算所需的内容",
    "Downloads that were kept": "保留的下载内容",
    "Install from a Folder": "从文件夹安装",
    "Install without the network, from a folder made by build.py offline": (
        "无需网络，从 build.py offline 生成的文件夹安装"
    ),
    "Models": "模型",
    "Move models, jobs and downloads to another folder, then install there from them": (
        "将模型、任务和下载内容移动到其他文件夹，并在那里重新安装"
    ),
    "Move to...": "移动到...",
    "Open the installer's log": "打开安装程序的日志",
    "Packages and Python": "软件包和 Python",
    "Remove what was installed; jobs and their meshes stay": "移除已安装的内容；任务及其网格会保留",
    "Save Diagnostics": "保存诊断信息",
    "Stop the installer; what it downloaded is kept": "停止安装程序；已下载的内容会保留",
    "Write all that helps to find a fault into one file, and show it; nothing is sent": (
        "将有助于查错的信息写入一个文件并显示；不会发送任何内容"
    ),
    "Folder...": "文件夹...",
    "The installation is damaged. Repair fetches only what is missing.": "安装已损坏。修复只获取缺失的部分。",
    "This version needs newer packages. The installed ones stay until the new ones work.": (
        "此版本需要更新的软件包。新的可用之前会保留已安装的。"
    ),
    "Files are kept in {path}": "文件保存在 {path}",
    "Folder of models, jobs and logs; empty takes the system's place for user data": (
        "模型、任务和日志的文件夹；留空则使用系统的用户数据位置"
    ),
    "Python environment of your own for the backend; empty takes the installed one": (
        "后端使用的自定义 Python 环境；留空则使用已安装的"
    ),
    "The One2345 add-on is not enabled.": "未启用 One2345 插件。",
    "A library of the system is missing; the log names it.": "缺少系统库；日志中有其名称。",
    "Allow the data folder in its settings, then click Repair in the add-on preferences.": (
        "请在其设置中允许数据文件夹，然后在插件偏好设置中点击修复。"
    ),
    "Another program holds or blocks a file, most likely the antivirus.": (
        "其他程序（很可能是杀毒软件）占用或阻止了文件。"
    ),
    "Click Repair in the add-on preferences.": "请在插件偏好设置中点击修复。",
    "Click Repair in the add-on preferences; it takes the packages for this card.": (
        "请在插件偏好设置中点击修复；它会使用适合此显卡的软件包。"
    ),
    "Free some space, or choose another data folder in the add-on preferences.": (
        "请释放空间，或在插件偏好设置中选择其他数据文件夹。"
    ),
    "Generate again; if that does not help, open the log.": "请重新生成；若无效，请打开日志。",
    "Install Microsoft's 'Visual C++ Redistributable x64', then generate again.": (
        "请安装 Microsoft 的“Visual C++ Redistributable x64”，然后重新生成。"
    ),
    "Install it, then generate again.": "请安装后重新生成。",
    "Install the newest driver, then generate again.": "请安装最新驱动，然后重新生成。",
    "The NVIDIA driver is too old for the installed packages.": "NVIDIA 驱动太旧，不适用于已安装的软件包。",
    "The backend crashed (signal {number}). {last}": "后端崩溃（信号 {number}）。{last}",
    "The backend crashed ({name}). {last}": "后端崩溃（{name}）。{last}",
    "The backend ended unexpectedly (exit code {code}). {last}": "后端意外结束（退出代码 {code}）。{last}",
    "The backend ran out of memory.": "后端内存不足。",
    "The backend's Python environment is incomplete ({last}).": "后端的 Python 环境不完整（{last}）。",
    "The disk is full.": "磁盘已满。",
    "The installed packages do not fit this graphics card.": "已安装的软件包不适用于此显卡。",
    "The system killed the backend, most likely for want of memory.": "系统终止了后端，很可能是内存不足。",
    "Try a lower quality.": "请尝试较低的质量。",
    "Windows lacks the Visual C++ runtime.": "Windows 缺少 Visual C++ 运行库。",
    "There is no Python at {path}. Choose another in the add-on preferences.": (
        "{path} 处没有 Python。请在插件偏好设置中选择其他。"
    ),
    "The backend is not installed yet. Install it in the add-on preferences.": (
        "后端尚未安装。请在插件偏好设置中安装。"
    ),
    "The installed backend is damaged. Click Repair in the add-on preferences.": (
        "已安装的后端已损坏。请在插件偏好设置中点击修复。"
    ),
    "This version needs newer packages. Click Update in the add-on preferences.": (
        "此版本需要更新的软件包。请在插件偏好设置中点击更新。"
    ),
    "Cannot start {path}: {reason}. Choose the backend's Python in the add-on preferences.": (
        "无法启动 {path}：{reason}。请在插件偏好设置中选择后端的 Python。"
    ),
    "Cannot write to the data folder {path}: {reason}. Choose another in the add-on preferences.": (
        "无法写入数据文件夹 {path}：{reason}。请在插件偏好设置中选择其他文件夹。"
    ),
    "The backend was stopped.": "后端已停止。",
    "The backend died {count} times within a minute. {reason} Click Repair in the add-on "
    "preferences, or wait a minute and generate again.": (
        "后端在一分钟内终止了 {count} 次。{reason}请在插件偏好设置中点击修复，或等待一分钟后重新生成。"
    ),
    "The backend is version {theirs} (protocol {their_protocol}), but this add-on is {ours} "
    "(protocol {our_protocol}). Restart Blender after an upgrade.": (
        "后端版本为 {theirs}（协议 {their_protocol}），而插件版本为 {ours}（协议 {our_protocol}）。"
        "升级后请重启 Blender。"
    ),
    "The backend is not running.": "后端未运行。",
}
