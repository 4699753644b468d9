"""Counters of what this process has done since its start, for metrics.

They have no labels, or labels of a few fixed values. They are not for the public: counts of a few
signatures could tell a stranger who has signed.
"""

from prometheus_client import Counter

SIGNATURES = Counter("lobby_signatures", "Signatures taken in, which their signers may confirm")
CONFIRMATIONS = Counter(
    "lobby_confirmations", "Signatures confirmed by their links; a repeated click counts again"
)
BOUNCES = Counter("lobby_bounces", "Bounce reports read, by what became of them", ["handling"])
