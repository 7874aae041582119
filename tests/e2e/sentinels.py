"""A Redis that fails over: a master, a replica, a sentinel that watches them."""

import subprocess

import redis

from busway.embedded_redis import find_binary
from tests.e2e.program import eventually
from tests.e2e.servers import free_port

SERVICE = "stations"


class Trio:
    """Two servers and a sentinel on ports of their own.

    The master takes no writes without its replica (``min-replicas-to-write``): what it takes after a failover is lost.
    """

    def __init__(self, folder):
        self.folder = folder
        self.ports = [free_port(), free_port()]
        self.sentinel_port = free_port()
        self.url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.sentinel_port}/{SERVICE}/2"
        self.processes = {}

    def start(self):
        master, replica = self.ports
        self.serve(master, "--min-replicas-to-write", 1)
        self.serve(replica, "--replicaof", "127.0.0.1", master)
        eventually(lambda: self.client(master).info("replication").get("slave0", {}).get("state") == "online")
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"port {self.sentinel_port}\ndir {self.folder}\nsentinel monitor {SERVICE} 127.0.0.1 {master} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 6000\n"
        )
        self._run("sentinel", config, "--sentinel")
        eventually(lambda: _answers(self.sentinel) and self.sentinel.sentinel_master(SERVICE)["num-slaves"] == 1)
        return self

    def serve(self, port, *options):
        files = ["--dir", self.folder, "--dbfilename", f"{port}.rdb", "--appendonly", "no", "--save", ""]
        safe = ["--repl-diskless-sync-delay", 0]
        self._run(port, "--port", port, *files, *safe, *options)
        eventually(lambda: _answers(self.client(port)))

    def _run(self, name, *options):
        command = list(map(str, [find_binary(), *options]))
        self.processes[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def client(self, port, db=2):
        return redis.Redis(port=port, db=db, decode_responses=True)

    @property
    def sentinel(self):
        return self.client(self.sentinel_port, 0)

    def master(self):
        """The master's port as the sentinel tells it."""
        return int(self.sentinel.sentinel_get_master_addr_by_name(SERVICE)[1])

    def fail_over(self):
        """Makes the replica the master, as an administrator does; the old master goes on as if nothing was."""
        before = self.master()
        self.sentinel.execute_command("SENTINEL FAILOVER", SERVICE)
        eventually(lambda: self.master() != before)

    def crash(self):
        """Kills the master; the sentinel makes the replica the master."""
        before = self.master()
        self.processes[before].kill()
        eventually(lambda: self.master() != before)

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def _answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False
