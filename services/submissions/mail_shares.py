"""Shares out the few mails that one mailbox gets in a day among those who ask for them. No queries.

A mail that is over a limit waits. The limits are on any 24 hours; a mail counts until it is exactly
24 hours old:

| mails | in 24 hours |
|---|---|
| all, of any kind | 5 |
| asked for by anybody | 4 |
| asked for by one sender | 3 |
| asked for by one sender, about one petition or campaign | 2 |
| 'already signed' about one signature | 1: the next ones are dropped |

The sender with the fewest mails in these 24 hours goes first, then the one that waits for the
fewest petitions and campaigns, then the mail with the oldest place. The second rule is for the
guarantee below: a mail that has left the window is forgotten, so that a network with a stock of old
mails would otherwise be first again each day.

One mail waits for each sender and petition: the newest. It keeps the place of the oldest that it
replaced, so that asking again costs nobody their turn. A mail that is sent uses up its place.

What follows for the first mail that the owner of the mailbox gets, counted from their first post,
if no more than one mail of another kind comes in a day:

- One other sender delays it by nothing, and two or three by at most a day.
- While it is the only one of the owner's that waits, each of k other senders goes ahead of it once
  at most, so that it waits at most ceil((k + 1) / 4) days. Senders whose first mail comes later do
  not go ahead.
- The owner can ask again for the same petition at any time and as often as they like: the bound
  stays.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

WINDOW = timedelta(hours=24)
MOST = 5
MOST_ASKED_FOR = 4
MOST_OF_SENDER = 3
MOST_OF_SENDER_AND_SUBJECT = 2


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that was queued to the mailbox.

    `is_asked_for` is True for the kinds that anybody can ask for: `confirm_*`, `already_signed`.
    `sender` is the keyed hash of the network or key that caused the mail, `subject` its petition or
    campaign; None if unknown. `created_at` is in UTC.
    """

    created_at: datetime
    is_asked_for: bool
    sender: bytes | None
    subject: Hashable | None


@dataclass(frozen=True, slots=True)
class WantedMail:
    """A submission that is to get a mail.

    Ids are UUIDv7, in the order of receipt. `signature_id` is set for an 'already signed' mail: the
    signature that it is about. Submissions without a sender count as one sender's. `place_id` is
    the id whose place in the queue it has: that of an older submission which it replaced, or None
    for its own.
    """

    id: UUID
    sender: bytes | None
    subject: Hashable
    signature_id: UUID | None = None
    place_id: UUID | None = None

    @property
    def place(self) -> UUID:
        """The id by whose age it is served."""
        return self.place_id or self.id


@dataclass(frozen=True, slots=True)
class Send:
    """The mail is to be queued now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The mail is over a limit. There can be room at `due_at`, which is later than now.

    `place_id` is the id whose place in the queue it has: it is stored for the next decision.
    """

    due_at: datetime
    place_id: UUID


@dataclass(frozen=True, slots=True)
class Drop:
    """No mail comes: a newer submission takes its place, or the signature was mailed about."""


Decision = Send | Wait | Drop


def share(
    sent: Sequence[SentMail],
    wanted: Sequence[WantedMail],
    *,
    already_noted: Set[UUID],
    now: datetime,
) -> dict[UUID, Decision]:
    """Decides at one moment about all mails that are wanted for one mailbox.

    `sent` are all mails of the last 24 hours to the mailbox, of any kind and organisation; older
    ones do no harm. `already_noted` are the signatures with an 'already signed' mail among them.

    `wanted` must be all submissions to the mailbox that are new in this batch, and all that wait,
    due or not, each once. If one that waits were missing, a younger one could take its turn, and an
    older one of the same sender and petition would stay. The caller queues the mails with `now` as
    their time, and writes `due_at` also for those that have waited before.
    """
    window = [mail for mail in sent if mail.created_at > now - WINDOW]
    left = [mail for mail in wanted if mail.signature_id not in already_noted]
    decisions: dict[UUID, Decision] = {mail.id: Drop() for mail in wanted}
    if not window and len(left) == 1:  # The usual case, which the loop decides alike.
        return decisions | {left[0].id: Send()}
    waiting = Counter(sender for sender, _ in _by_subject(left))
    while chosen := _next_in_turn(left, waiting, window, now):
        decisions[chosen.id] = Send()
        window.append(SentMail(now, True, chosen.sender, chosen.subject))
        left = [mail for mail in left if mail is not chosen and not _are_of_one(mail, chosen)]
    for mails in _by_subject(left).values():
        newest, place_id = max(mails, key=lambda mail: mail.id), min(mail.place for mail in mails)
        decisions[newest.id] = Wait(_room_at(newest, window, now), place_id)
    return decisions


def _next_in_turn(
    left: Iterable[WantedMail],
    waiting: Counter[bytes | None],
    window: Sequence[SentMail],
    now: datetime,
) -> WantedMail | None:
    caused = Counter(mail.sender for mail in window if mail.is_asked_for)
    return min(
        (mail for mail in left if _room_at(mail, window, now) == now),
        key=lambda mail: (caused[mail.sender], waiting[mail.sender], mail.place, mail.id),
        default=None,
    )


def _are_of_one(mail: WantedMail, other: WantedMail) -> bool:
    """Returns whether both say 'already signed' about one signature."""
    return mail.signature_id is not None and mail.signature_id == other.signature_id


def _by_subject(
    mails: Iterable[WantedMail],
) -> dict[tuple[bytes | None, Hashable], list[WantedMail]]:
    """Returns the mails of each sender and subject."""
    groups: dict[tuple[bytes | None, Hashable], list[WantedMail]] = {}
    for mail in mails:
        groups.setdefault((mail.sender, mail.subject), []).append(mail)
    return groups


def _room_at(wanted: WantedMail, window: Sequence[SentMail], now: datetime) -> datetime:
    """Returns the earliest time at which no limit stops a mail, if nothing else is sent."""
    asked_for = [mail for mail in window if mail.is_asked_for]
    of_sender = [mail for mail in asked_for if mail.sender == wanted.sender]
    of_both = [mail for mail in of_sender if mail.subject == wanted.subject]
    return max(
        _below(MOST, window, now),
        _below(MOST_ASKED_FOR, asked_for, now),
        _below(MOST_OF_SENDER, of_sender, now),
        _below(MOST_OF_SENDER_AND_SUBJECT, of_both, now),
    )


def _below(most: int, mails: Sequence[SentMail], now: datetime) -> datetime:
    """Returns when fewer than `most` of these mails are left in the window."""
    if len(mails) < most:
        return now
    return sorted(mail.created_at for mail in mails)[-most] + WINDOW
