"""What happens inside the server, all or nothing.

Checks come first, and only writes stand below them: an error in the middle of a script is not rolled back. The first line
matters: with it Redis refuses the whole script when its memory is full; without it, a script whose first command is a write
ignores ``maxmemory``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOVE = """#!lua
local held = redis.call('HMGET', KEYS[1], 'epoch', 'number')
if (held[1] or '0') ~= ARGV[1] or (held[2] or '0') ~= ARGV[2] then return 0 end
local at = 5
local function several(width, write)
  local n = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, n do
    write(at)
    at = at + width
  end
end
several(4, function(i) redis.call('XADD', KEYS[2], ARGV[i], 't', ARGV[i + 1], 'n', ARGV[i + 2], 'j', ARGV[i + 3]) end)
several(4, function(i) redis.call('XADD', KEYS[tonumber(ARGV[i])], ARGV[i + 1], 'h', ARGV[i + 2], 'p', ARGV[i + 3]) end)
several(2, function(i) redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end)
several(1, function(i) redis.call('HDEL', KEYS[3], ARGV[i]) end)
several(2, function(i) redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end)
several(1, function(i) redis.call('HDEL', KEYS[4], ARGV[i]) end)
redis.call('HSET', KEYS[1], unpack(ARGV, at))
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
"""
"""Keys: position, commits, blobs, lasting, then streams. Arguments: ``Move.arguments``. 1: done; 0: another was faster."""

TRIM = """#!lua
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(known) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[2])
return 1
"""
"""Keys: trimmed, stream. Arguments: the field of the end, that end's entry id, the field of the place, the place."""

TOUCH = """#!lua
redis.call('HSET', KEYS[1], 'confirmed', ARGV[1])
return 1
"""
"""A write of no meaning: ``WAITAOF`` waits for what its own connection has written, and for nothing else."""

Value = bytes | str | int


class Move(NamedTuple):
    """From one position of a cell to the next one."""

    epoch: int
    """Where the cell must stand: this epoch and this commit number."""
    number: int
    channel: str
    message: bytes
    """Published once it is done."""
    position: Mapping[str, Value]
    """Fields of the position to set."""
    commit: Sequence[Value] = ()
    """Id, time, nonce and journal of the commit, if there is one."""
    entries: Sequence[tuple[int, str, bytes, bytes]] = ()
    """Place of the stream among the keys, id, header, payload."""
    blobs: Mapping[str, bytes] = {}
    dropped: Sequence[str] = ()
    """Blobs that nothing needs any more."""
    lasting: Mapping[str, bytes] = {}
    """Snapshots for looks back, by field."""
    forgotten: Sequence[str] = ()
    """Fields of those that are not kept any longer."""

    def arguments(self) -> list[Value]:
        made: list[Value] = [self.epoch, self.number, self.channel, self.message]
        made += [1 if self.commit else 0, *self.commit]
        made.append(len(self.entries))
        for entry in self.entries:
            made += entry
        for fields, gone in ((self.blobs, self.dropped), (self.lasting, self.forgotten)):
            made.append(len(fields))
            for pair in fields.items():
                made += pair
            made += [len(gone), *gone]
        for field in self.position.items():
            made += field
        return made
