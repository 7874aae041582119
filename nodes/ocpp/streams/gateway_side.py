"""What the stations' gateway does with Redis: every command that it issues.

Beyond the keys that it shares with the flows, a gateway keeps three of its own: a marker of the last batch it wrote (a
batch whose reply was lost is not written twice), how far each station's stream was delivered, and the passwords.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from busway.nodes.ocpp.streams import keys
from busway.nodes.ocpp.streams.gateway_entries import (
    Dismissal,
    InboundEntry,
    OutboundEntry,
    Pending,
    Station,
    dismissal_text,
    read_pending,
)
from busway.nodes.ocpp.streams.link import Connector, Link, LinkDown

AUTH: Final = "ws:auth"
"""Hash of the stations' passwords: ``tenant:station`` to the hash that the gateway's ``hash_password`` makes."""

READ_COUNT: Final = 100
"""Entries of one station's stream read at a time."""
_MARKER_LIFE: Final = 86_400
_CURSOR_LIFE: Final = 30 * 86_400


def cursor(station: Station) -> str:
    """Text: id of the last entry of the station's stream that needs no delivery any more."""
    return f"ws:cursor:{station.tenant}:{station.device}"


def marker(writer: str) -> str:
    """Text ``number:first id`` of the last batch that ``writer`` added; in the cluster slot of the inbound stream."""
    return f"{{{keys.INBOUND}}}:written:{writer}"


# Adds a batch unless its number says that it was added before, so it may be sent again after a lost reply.
# Yields the id of the batch's first entry.
_WRITE: Final = """
local done = redis.call('GET', KEYS[2])
if done then
  local number, first = string.match(done, '^(%d+):(.+)$')
  if tonumber(number) >= tonumber(ARGV[1]) then return first end
end
local first
for i = 4, #ARGV, 6 do
  local id = redis.call('XADD', KEYS[1], '*', 'tenant', ARGV[i], 'deviceId', ARGV[i + 1], 'metadata', ARGV[i + 2],
    'payload', ARGV[i + 3], 'id', ARGV[i + 4], 'timestamp', ARGV[i + 5])
  first = first or id
end
if tonumber(ARGV[3]) > 0 then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3]) end
redis.call('SET', KEYS[2], ARGV[1] .. ':' .. first, 'EX', ARGV[2])
return first
"""

# The newest connection wins. Yields the connection that had the station before.
_REGISTER: Final = """
local before = redis.call('HGET', KEYS[1], 'connection')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return before
"""

# Keys of the next two: the connection's hash, the station's cursor, the station's stream.
_SAVE: Final = """
local function save(position, life, trim)
  if position == '' then return end
  redis.call('SET', KEYS[2], position, 'EX', life)
  if trim == '1' then redis.call('XTRIM', KEYS[3], 'MINID', '~', position) end
end
"""

# Prolongs a connection's hash, writes it again when it is gone. Yields 0 when a newer connection has the station.
_KEEP: Final = (
    _SAVE
    + """
local owner = redis.call('HMGET', KEYS[1], 'connection', 'connectedAt')
if owner[1] ~= ARGV[1] then
  if (tonumber(owner[2]) or 0) > tonumber(ARGV[2]) then return 0 end
  redis.call('DEL', KEYS[1])
end
save(ARGV[3], ARGV[4], ARGV[5])
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
"""
)

_RELEASE: Final = (
    _SAVE
    + """
if redis.call('HGET', KEYS[1], 'connection') ~= ARGV[1] then return 0 end
save(ARGV[2], ARGV[3], ARGV[4])
return redis.call('DEL', KEYS[1])
"""
)


class GatewaySide:
    """The gateway's commands, on one pipelined connection. Every method raises LinkDown when that is broken.

    ``refusal`` tells why, where the server is no master, or no longer one: it is left for the one that a new connection
    leads to.
    """

    def __init__(self, link: Link, clock_offset: float = 0.0) -> None:
        self.link = link
        self.refusal = ""
        self._clock_offset = clock_offset

    @classmethod
    async def connect(cls, connector: Connector) -> GatewaySide:
        """Connects, and compares the clocks. Raises LinkDown with the reason."""
        side = cls(Link(await connector.connect()))
        await side.set_clock()
        return side

    async def set_clock(self) -> None:
        """Ages of entries are told by Redis's clock, which all parties share."""
        seconds, micros = await self._ask("TIME")
        self._clock_offset = int(seconds) + int(micros) / 1e6 - time.time()

    def age(self, entry_id: str) -> float:
        """Seconds since a stream entry was added."""
        return time.time() + self._clock_offset - milliseconds(entry_id) / 1000

    # -- station to flows

    async def write(self, writer: str, number: int, entries: Sequence[InboundEntry], maxlen: int = 0) -> str:
        """Adds the entries at once, exactly once for each number, and returns the id of the first.

        ``number`` must grow from batch to batch of a ``writer``; after LinkDown the same batch is to be sent again,
        from which entries may be left out.
        """
        fields = [field for entry in entries for field in entry]
        command = ("EVAL", _WRITE, 2, keys.INBOUND, marker(writer), number, _MARKER_LIFE, maxlen)
        first: str = await self._ask(*command, *fields)
        return first

    # -- presence

    async def register(self, station: Station, fields: Mapping[str, str], life: int) -> tuple[str | None, str]:
        """Makes a connection the station's own for ``life`` seconds, whoever had it.

        ``fields`` are those of ``ws:conn``. Returns the connection that had it before, and how far the station's
        stream was delivered.
        """
        before, position = await asyncio.gather(
            self._ask("EVAL", _REGISTER, 1, keys.connection(*station), life, *_flat(fields)),
            self._ask("GET", cursor(station)),
        )
        return before, position or "0-0"

    async def position(self, station: Station) -> str:
        """Id of the entry up to which the station's stream needs no delivery any more."""
        return await self._ask("GET", cursor(station)) or "0-0"

    async def keep(
        self, station: Station, fields: Mapping[str, str], life: int, position: str | None, trim: bool
    ) -> bool:
        """Prolongs a connection's claim on its station; False when a newer connection has it.

        ``position`` is kept as how far the stream was delivered; with ``trim`` older entries are forgotten, roughly, as
        Redis drops whole nodes of a stream only.
        """
        keep = (fields["connection"], fields["connectedAt"], position or "", _CURSOR_LIFE, int(trim), life)
        return bool(await self._ask("EVAL", _KEEP, 3, *_owned(station), *keep, *_flat(fields)))

    async def release(self, station: Station, connection: str, position: str | None, trim: bool) -> None:
        """Ends a connection's claim, if it still has one; ``position`` and ``trim`` as :meth:`keep` takes them."""
        release = (connection, position or "", _CURSOR_LIFE, int(trim))
        await self._ask("EVAL", _RELEASE, 3, *_owned(station), *release)

    async def dismiss(self, dismissal: Dismissal) -> None:
        """Asks all gateways to close the station's other connections."""
        await self._ask("PUBLISH", keys.DISCONNECT, dismissal_text(dismissal))

    # -- flows to station

    async def read(self, positions: Mapping[str, str]) -> list[tuple[str, list[OutboundEntry]]]:
        """Entries behind each position (stream key to entry id), as far as there are any; at most a hundred each."""
        streams = await self._ask("XREAD", "COUNT", READ_COUNT, "STREAMS", *positions, *positions.values())
        return [(key, [_outbound(*entry) for entry in entries]) for key, entries in streams or ()]

    async def claim(self, station: Station, entry: OutboundEntry) -> Pending | None:
        """Marks a command as delivered and says what its sender wrote; None when the sender has withdrawn it.

        A command whose sender kept no note is taken as valid: its sender is not an ``ocpp-command``.
        """
        note = self.link.send("HGET", keys.pending(*station), entry.message_id)
        self.link.send("SET", cursor(station), entry.entry_id, "EX", _CURSOR_LIFE)
        text = await note
        if text is None:
            return None if entry.server_id else Pending(None, None, None)
        return read_pending(text, entry.server_id)

    async def pending(self, station: Station, message_id: str) -> Pending | None:
        """What the sender of a command wrote, or None when nobody waits for its answer."""
        text = await self._ask("HGET", keys.pending(*station), message_id)
        return None if text is None else read_pending(text, None)

    async def respond(self, server_id: str, text: str) -> int:
        """Publishes a station's answer; returns how many listened."""
        listeners: int = await self._ask("PUBLISH", keys.responses(server_id), text)
        return listeners

    # -- passwords

    async def password(self, station: Station) -> str | None:
        """The stored hash of a station's password."""
        stored: str | None = await self._ask("HGET", AUTH, str(station))
        return stored

    async def _ask(self, *command: str | int) -> Any:
        from redis.exceptions import ResponseError

        try:
            return await self.link.send(*command)
        except ResponseError as error:
            if not _is_no_master(error):
                raise
            self.refusal = f"Redis takes no writes: {str(error).partition(' script: ')[0]}"
            await self.link.close()
            raise LinkDown(self.refusal) from None


def milliseconds(entry_id: str) -> int:
    """The time part of a stream entry's id."""
    return int(entry_id.partition("-")[0])


def _is_no_master(error: Exception) -> bool:
    from redis.exceptions import MasterDownError, ReadOnlyError

    return isinstance(error, (MasterDownError, ReadOnlyError)) or "NOREPLICAS" in str(error)


def _outbound(entry_id: str, flat: list[str]) -> OutboundEntry:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return OutboundEntry(entry_id, fields.get("id", ""), fields.get("payload", ""), fields.get("serverId"))


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for field in fields.items() for text in field]


def _owned(station: Station) -> tuple[str, str, str]:
    return keys.connection(*station), cursor(station), keys.outbound(*station)
