"""The real program as a child process, and what the tests have to know of it: its log, its ports, its processes."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOWS = ROOT / "flows"
PATIENCE = 60.0
"""Seconds that anything may take on a loaded machine. Nothing waits that long when all is well."""


def environment(**more):
    """The environment of a child: it finds the package whether that is installed or only checked out."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **more}


def busway(*args, cwd=None, seconds=PATIENCE, **env):
    """Runs a command to its end; gives ``returncode``, ``stdout``, ``stderr``."""
    command = [sys.executable, "-m", "busway", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=seconds)


class Process:
    """A child process that runs until it is told to stop. Its log, all that it prints, is read as it comes."""

    def __init__(self, command, cwd=None, **env):
        self.lines = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait_for(self, pattern, seconds=PATIENCE, after=0):
        """The first match of ``pattern`` in the lines from number ``after`` on; waits for it. Fails with the log."""
        regex, deadline, position = re.compile(pattern), time.monotonic() + seconds, after
        with self._changed:
            while True:
                for line in self.lines[position:]:
                    if found := regex.search(line):
                        return found
                position = max(position, len(self.lines))
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"{pattern!r} is not in the log:\n" + "\n".join(self.lines[-60:]))
                self._changed.wait(min(left, 1))

    async def until(self, pattern, seconds=PATIENCE, after=0):
        """As :meth:`wait_for`, in a coroutine."""
        return await asyncio.to_thread(self.wait_for, pattern, seconds, after)

    def interrupt(self, number=signal.SIGINT):
        """Asks the program to stop, as Ctrl-C does."""
        self.process.send_signal(number)

    def ended(self, seconds=PATIENCE):
        """Waits for its end; the exit status."""
        status = self.process.wait(seconds)
        self._reader.join(seconds)
        return status

    def stop(self):
        """Stops it as Ctrl-C does; the exit status."""
        if self.process.poll() is None:
            self.interrupt()
        return self.ended()

    def kill(self):
        """Ends it without a chance to clean up."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.ended()


class Program(Process):
    """A busway command."""

    def __init__(self, *args, cwd=None, **env):
        super().__init__([sys.executable, "-m", "busway", *args], cwd, **env)

    @property
    def http(self):
        """Address of the HTTP face."""
        return self.wait_for(r"HTTP face: (http://\S+)")[1]

    @property
    def gateway(self):
        """Address of the gateway, to which tenant and station are added."""
        return self.wait_for(r"gateway: (wss?://[^/]+/\w+)")[1]

    @property
    def redis_url(self):
        """Address of the embedded server."""
        return self.wait_for(r"embedded Redis server: (\S+)")[1]

    def errors(self):
        """The lines that tell of errors."""
        return [line for line in self.lines if " ERROR " in line or "Traceback" in line]


def processes_that_mention(text):
    """The running processes with ``text`` in their command line, this one left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in command and int(folder.name) != os.getpid():
                found.append(command)
    return found


def eventually(condition, seconds=PATIENCE):
    """Waits for a state that tells nobody when it comes."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
    return result


async def until(condition, seconds=PATIENCE):
    """As :func:`eventually` in a coroutine; the condition is one, too."""
    for _ in range(round(seconds / 0.01)):
        if result := await condition():
            return result
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")
