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


@dataclass(frozen=True)
class Script:
    """A script with the name that Redis calls it by."""

    text: str

    @cached_property
    def sha(self) -> str:
        """The name for EVALSHA."""
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def _once(body: str) -> Script:
    """A script whose first key is the writer's marker, whose first argument its number; nil when it ran before."""
    return Script(f"""
if tonumber(redis.call('GET', KEYS[1]) or 0) >= tonumber(ARGV[1]) then return false end
{body.strip()}
redis.call('SET', KEYS[1], ARGV[1], 'EX', {MARKER_LIFE})
return result
""")


ANSWER = _once("""
local result = 0
local known = redis.call('HGET', KEYS[2], ARGV[3]) or redis.call('HGET', KEYS[3], ARGV[3])
if not known or string.sub(known, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[7], '*', 'id', ARGV[3], 'payload', ARGV[5], 'timestamp', ARGV[6])
  if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[8]) then redis.call('RENAME', KEYS[2], KEYS[3]) end
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[2] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
  redis.call('EXPIRE', KEYS[2], ARGV[9])
  result = 1
end
""")
"""Sends an answer and remembers it. Keys: answers, older answers, outbound stream. Arguments: entry, message id, digest
and time of the first answer, frame, epoch ms, stream length, answers kept, seconds kept. Returns 0 when this entry was
answered before."""

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
for i, id in ipairs(ARGV) do found[i] = look(KEYS[2 * i - 1], id) or look(KEYS[2 * i], id) end
return found
""")
"""Looks answers up. Keys: answers and older answers for each message id. Returns a record or nil for each;
a key of another type counts as none."""

ALL = (ANSWER, COMMAND, KNOWN)
