"""How many requests the console listens to.

Decides by peer and overall, with token buckets in integer nanoseconds. KILL is never refused for
its rate, but repeated kills within a moment are coalesced: the first one is on its way. Refuses to
read clocks. The memory of peers is bounded, so thousands of identities cannot fill it.
"""

from collections import OrderedDict
from typing import Final

from engine.units import NS_PER_MS, NS_PER_S

RATE_PER_S: Final = 5
BURST: Final = 10
RATE_ALL_PER_S: Final = 100
BURST_ALL: Final = 200
PEERS_MAX: Final = 256
KILL_GAP_NS: Final = 50 * NS_PER_MS


class Bucket:
    """`burst` tokens, refilled at `rate` a second."""

    __slots__ = ("_at_ns", "_burst_ns", "_cost_ns", "_level_ns")

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        self._cost_ns = NS_PER_S // rate
        self._burst_ns = self._level_ns = burst * self._cost_ns
        self._at_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Take one token. False: none is left."""
        self._level_ns = min(self._burst_ns, self._level_ns + max(0, now_ns - self._at_ns))
        self._at_ns = now_ns
        if self._level_ns < self._cost_ns:
            return False
        self._level_ns -= self._cost_ns
        return True


class Limiter:
    """One bucket a peer and one for all of them."""

    def __init__(self, now_ns: int) -> None:
        self._all = Bucket(RATE_ALL_PER_S, BURST_ALL, now_ns)
        self._peers: OrderedDict[bytes, Bucket] = OrderedDict()
        self._killed_at_ns = now_ns - KILL_GAP_NS
        self._explanations = Bucket(RATE_ALL_PER_S, RATE_ALL_PER_S, now_ns)

    def admits(self, peer: bytes, *, is_kill: bool, now_ns: int) -> bool:
        """May this request go on?"""
        bucket = self._peers.get(peer)
        if bucket is None:
            bucket = self._peers[peer] = Bucket(RATE_PER_S, BURST, now_ns)
            if len(self._peers) > PEERS_MAX:
                self._peers.popitem(last=False)
        self._peers.move_to_end(peer)
        if is_kill:
            return self._admits_kill(bucket, now_ns)
        return bucket.take(now_ns) and self._all.take(now_ns)

    def may_explain(self, now_ns: int) -> bool:
        """May a refused peer be told so? Beyond this it gets no answer at all."""
        return self._explanations.take(now_ns)

    def _admits_kill(self, bucket: Bucket, now_ns: int) -> bool:
        if bucket.take(now_ns) or now_ns - self._killed_at_ns >= KILL_GAP_NS:
            self._killed_at_ns = now_ns
            return True
        return False

    def __len__(self) -> int:
        return len(self._peers)
