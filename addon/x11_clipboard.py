"""The picture in an X11 clipboard, which Blender does not read (on Wayland, Windows and macOS it does).

Run as a program of its own, by Blender's Python, so that a fault in here cannot harm Blender:

    python x11_clipboard.py FILE        writes the picture and ends with 0; 1 when there is none

A clipboard is a conversation: we ask the program that has copied to put the picture onto a window of ours,
and read it from there; large ones come in pieces (ICCCM 2.4 and 2.7.2).
"""

import contextlib
import ctypes
import ctypes.util
import select
import sys
import time
from pathlib import Path

TIMEOUT_S = 2.0
FORMATS = ("image/png", "image/jpeg", "image/bmp")
_SELECTION_NOTIFY, _PROPERTY_NOTIFY = 31, 28
_PROPERTY_CHANGES = 1 << 22
_NEW_VALUE = 0
_ANY_TYPE = 0
_MAX_WORDS = 1 << 26
"""Longest property that is read, in units of four bytes."""


class _Selection(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("is_sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("requestor", ctypes.c_ulong),
        ("selection", ctypes.c_ulong),
        ("target", ctypes.c_ulong),
        ("property", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
    )


class _Property(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("is_sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("atom", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
        ("state", ctypes.c_int),
    )


class _Event(ctypes.Union):
    _fields_ = (
        ("type", ctypes.c_int),
        ("selection", _Selection),
        ("property", _Property),
        ("room", ctypes.c_long * 24),
    )


class Clipboard:
    """A connection to the display, and a window to get things on.

    Raises:
        OSError: there is no X11 here.
    """

    def __init__(self) -> None:
        name = ctypes.util.find_library("X11") or "libX11.so.6"
        self._x = ctypes.CDLL(name)
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        for function in ("XDefaultRootWindow", "XCreateSimpleWindow", "XInternAtom"):
            getattr(self._x, function).restype = ctypes.c_ulong
        display = self._x.XOpenDisplay(None)
        if not display:
            raise OSError("no display")
        self._display = ctypes.c_void_p(display)
        root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))
        none = ctypes.c_ulong(0)
        window = self._x.XCreateSimpleWindow(self._display, root, 0, 0, 1, 1, 0, none, none)
        self._window = ctypes.c_ulong(window)
        self._x.XSelectInput(self._display, self._window, ctypes.c_long(_PROPERTY_CHANGES))
        self._place = self._atom("ONE2345_PICTURE")

    def picture(self) -> bytes:
        """The picture, in any of the known formats; empty without one."""
        return next(filter(None, map(self.read, FORMATS)), b"")

    def read(self, kind: str) -> bytes:
        """What is in the clipboard as that kind; empty when it is not offered as such."""
        until = time.monotonic() + TIMEOUT_S
        clipboard, target = self._atom("CLIPBOARD"), self._atom(kind)
        now = ctypes.c_ulong(0)
        self._x.XConvertSelection(self._display, clipboard, target, self._place, self._window, now)
        while (event := self._next(until)) is not None:
            if event.type == _SELECTION_NOTIFY:
                return self._taken(until) if event.selection.property else b""
        return b""

    def _taken(self, until: float) -> bytes:
        """The content of our property; that it comes in pieces is said by its type."""
        kind, data = self._property()
        if kind != self._atom("INCR").value:
            return data
        pieces = []
        while (event := self._next(until)) is not None:
            is_ours = event.type == _PROPERTY_NOTIFY and event.property.atom == self._place.value
            if not is_ours or event.property.state != _NEW_VALUE:
                continue
            _, piece = self._property()
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            until = time.monotonic() + TIMEOUT_S
        return b""

    def _property(self) -> tuple[int, bytes]:
        """Type and bytes of our property, which is removed: the other side waits for that."""
        kind, count, rest = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_ulong()
        bits, data = ctypes.c_int(), ctypes.POINTER(ctypes.c_ubyte)()
        self._x.XGetWindowProperty(
            self._display,
            self._window,
            self._place,
            ctypes.c_long(0),
            ctypes.c_long(_MAX_WORDS),
            1,
            ctypes.c_ulong(_ANY_TYPE),
            ctypes.byref(kind),
            ctypes.byref(bits),
            ctypes.byref(count),
            ctypes.byref(rest),
            ctypes.byref(data),
        )
        found = ctypes.string_at(data, count.value) if data and bits.value == 8 else b""
        if data:
            self._x.XFree(data)
        self._x.XFlush(self._display)
        return kind.value, found

    def _next(self, until: float) -> _Event | None:
        """The next event; None when none comes in time."""
        while not self._x.XPending(self._display):
            left = until - time.monotonic()
            number = self._x.XConnectionNumber(self._display)
            if left <= 0 or not select.select([number], [], [], left)[0]:
                return None
        event = _Event()
        self._x.XNextEvent(self._display, ctypes.byref(event))
        return event

    def _atom(self, name: str) -> ctypes.c_ulong:
        return ctypes.c_ulong(self._x.XInternAtom(self._display, name.encode(), 0))


def main(path: Path) -> int:
    """Write the picture to a file; returns the exit code."""
    with contextlib.suppress(OSError):
        data = Clipboard().picture()
        if data:
            path.write_bytes(data)
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
