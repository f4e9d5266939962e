"""Starting warp, apart from what needs torch: the process that unwraps has none."""

import warp as wp


def start_warp() -> None:
    """Start warp without its greeting, which would stand in the output of commands."""
    if hasattr(wp, "LOG_ERROR"):  # a machine without a graphics card is worth no warning
        wp.config.log_level = wp.LOG_ERROR
    else:  # before warp 1.10
        wp.config.quiet = True  # pyright: ignore[reportAttributeAccessIssue]
    wp.init()
