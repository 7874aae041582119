"""Names the handler that blocks the event loop: a thread that looks at the dispatcher now and then. Costs the message path nothing."""

from __future__ import annotations

import logging
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dispatch import Dispatcher

log = logging.getLogger("busway.watchdog")


class Watchdog:
    """Warns once per blocking handler when the loop has been held for more than ``limit`` seconds."""

    def __init__(self, dispatcher: Dispatcher, limit: float) -> None:
        self._dispatcher, self._limit = dispatcher, limit
        self._stopped = threading.Event()
        self._loop_thread = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts looking; call it in the thread of the event loop."""
        if self._thread is None:
            self._loop_thread = threading.get_ident()
            self._stopped.clear()
            self._thread = threading.Thread(target=self._watch, name="busway-watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops looking."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1)
            self._thread = None

    def _watch(self) -> None:
        told = 0.0
        while not self._stopped.wait(self._limit / 2):
            started = self._dispatcher.slice_started
            held = time.monotonic() - started if started else 0.0
            if held > self._limit and started != told:
                told = started
                log.warning(
                    "%s has held the event loop for %.1f s; nothing else can run meanwhile", self._culprit(), held
                )

    def _culprit(self) -> str:
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            port = frame.f_locals.get("port")
            if frame.f_code.co_name == "_drain" and port is not None:
                return port.node.label_text if port.node is not None else f"node {port.id}"
            frame = frame.f_back
        return "a handler"
