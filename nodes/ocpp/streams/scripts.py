"""The Lua scripts of the flow side: what must happen wholly or not at all, and once though it may be sent twice.

A command that was sent when the connection broke may or may not have been carried out. It is sent again, so each script
that writes first looks at a marker: the number of the last one of this writer that was carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1

MARKER_LIFE = 86_400
"""Seconds that a writer's marker is kept."""
KEPT = 16
"""Answers in a station's hash before the hash becomes the older one. A station has one CALL under way at a time."""
LIFETIME = 6 * 3600
"""Seconds after its last answer that a station's answers are kept."""


@dataclass(frozen=True)
class Script:
    """A script with the name that Redis calls it by."""

    text: str

    @cached_property
    def sha(self) -> str:
        """The name for EVALSHA."""
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def _once(body: str) -> Script:
    """A script whose first key is the writer's marker, whose first argument its number; nil when it ran before.

    The marker is written first: where the server takes no writes now, nothing of the script is carried out.
    """
    return Script(f"""
if tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(ARGV[1]) then return false end
redis.call('SET', KEYS[1], ARGV[1], 'EX', {MARKER_LIFE})
{body.strip()}
return result
""")


ANSWERS = _once(f"""
local function is_error(reply) return type(reply) == 'table' and reply.err end

local function send(newer, stream, marks, id, frame, length)
  local older = newer .. ':older'
  local known = redis.pcall('HGET', newer, id) or redis.pcall('HGET', older, id)
  if is_error(known) then return known.err end
  if known and string.match(known, '^%S+') == string.match(marks, '^%S+') then return 0 end
  local sent = redis.pcall('XADD', stream, 'MAXLEN', '~', length, '*', 'id', id, 'payload', frame, 'timestamp', ARGV[2])
  if is_error(sent) then return sent.err end
  if redis.call('HLEN', newer) >= {KEPT} then redis.call('RENAME', newer, older) end
  redis.call('HSET', newer, id, marks .. ' ' .. frame)
  redis.call('EXPIRE', newer, {LIFETIME})
  return 1
end

local result = {{}}
for n = 1, (#KEYS - 1) / 2 do
  local at = 4 * n
  result[n] = send(KEYS[2 * n], KEYS[2 * n + 1], ARGV[at - 1], ARGV[at], ARGV[at + 1], ARGV[at + 2])
end
""")
"""Sends answers and remembers them. Keys for each: its station's stored answers, its stream. Arguments: epoch ms; for
each the marks (entry, digest, time of the first answer), message id, frame, stream length. Returns for each 1, 0 where
that entry was answered before, or Redis' refusal as text: one broken key keeps no other station from its answer."""

COMMAND = _once("""
local result = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'id', ARGV[2], 'payload', ARGV[5],
  'timestamp', ARGV[6], 'serverId', ARGV[7], 'expires', ARGV[9])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if redis.call('TTL', KEYS[2]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[2], ARGV[4]) end
""")
"""Sends a command. Keys: pending commands, outbound stream. Arguments: message id, note, seconds to keep it, frame,
epoch ms, server id, stream length, epoch ms of its end. Returns the entry's id."""

KNOWN = Script("""
local function look(key, id)
  local record = redis.pcall('HGET', key, id)
  return type(record) == 'string' and record
end
local found = {}
for i, id in ipairs(ARGV) do found[i] = look(KEYS[i], id) or look(KEYS[i] .. ':older', id) end
return found
""")
"""Looks answers up. Keys: the stored answers for each message id. Returns a record or nil for each; a key of another
type counts as none."""

ALL = (ANSWERS, COMMAND, KNOWN)
