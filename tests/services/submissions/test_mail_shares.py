"""Tests how those who ask for mails share one mailbox: each limit, the order, and the waits."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from math import ceil
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.submissions.mail_shares import (
    Decision,
    Drop,
    Send,
    SentMail,
    Wait,
    WantedMail,
    share,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
OWNER, STRANGER, OTHER = b"owner", b"stranger", b"other"
NOBODY: frozenset[UUID] = frozenset()


def uuid(number: int) -> UUID:
    return UUID(int=number)


def uuid_or_none(number: int | None) -> UUID | None:
    return None if number is None else uuid(number)


def asked(
    ago: timedelta, sender: bytes | None = STRANGER, subject: str | None = "park"
) -> SentMail:
    return SentMail(NOW - ago, True, sender, subject)


def news(ago: timedelta) -> SentMail:
    return SentMail(NOW - ago, False, None, None)


def wanted(
    number: int,
    sender: bytes | None = OWNER,
    subject: str = "park",
    about: int | None = None,
    place: int | None = None,
) -> WantedMail:
    return WantedMail(uuid(number), sender, subject, uuid_or_none(about), uuid_or_none(place))


def wait(ahead: timedelta, place: int) -> Wait:
    return Wait(NOW + ahead, uuid(place))


def decided(
    sent: Sequence[SentMail], *mails: WantedMail, noted: frozenset[UUID] = NOBODY
) -> list[Decision]:
    decisions = share(sent, mails, already_noted=noted, now=NOW)
    assert set(decisions) == {mail.id for mail in mails}
    return [decisions[mail.id] for mail in mails]


def hours(*ago: float) -> list[timedelta]:
    return [timedelta(hours=each) for each in ago]


# The limits, one by one


FULL = {
    "five mails of any kind": [news(ago) for ago in hours(20, 5, 4, 3)] + [asked(HOUR)],
    "four mails that were asked for": [
        asked(ago, sender, None)
        for ago, sender in zip(hours(20, 5, 4, 3), (b"a", b"b", b"c", None), strict=True)
    ],
    "three mails of one sender": [asked(ago, OWNER, "bridge") for ago in hours(20, 5, 4)],
    "two mails of one sender and petition": [asked(ago, OWNER) for ago in hours(20, 5)],
}


@pytest.mark.parametrize("sent", FULL.values(), ids=FULL)
def test_a_mail_over_a_limit_waits_until_the_one_that_fills_it_leaves(
    sent: list[SentMail],
) -> None:
    assert decided(sent, wanted(1)) == [wait(4 * HOUR, 1)]
    assert decided(sent[1:], wanted(1)) == [Send()]


@pytest.mark.parametrize("sent", FULL.values(), ids=FULL)
def test_a_mail_counts_until_it_is_exactly_a_day_old(sent: list[SentMail]) -> None:
    def oldest_made(ago: timedelta) -> list[SentMail]:
        first = sent[0]
        return [SentMail(NOW - ago, first.is_asked_for, first.sender, first.subject), *sent[1:]]

    assert decided(oldest_made(DAY), wanted(1)) == [Send()]
    assert decided(oldest_made(DAY - TICK), wanted(1)) == [wait(TICK, 1)]


def test_mails_of_other_kinds_fill_no_limit_but_the_first() -> None:
    sent = [SentMail(NOW - HOUR, False, OWNER, "park") for _ in range(4)]
    assert decided(sent, wanted(1)) == [Send()]


def test_other_senders_mails_about_a_petition_fill_nobody_elses_limit() -> None:
    sent = [
        asked(ago, sender)
        for ago, sender in zip(hours(3, 2, 1), (STRANGER, OTHER, None), strict=True)
    ]
    assert decided(sent, wanted(1)) == [Send()]


def test_a_window_that_is_more_than_full_is_waited_for_to_the_last() -> None:
    sent = [news(ago) for ago in hours(23, 22, 21, 20, 19, 18, 17)]
    assert decided(sent, wanted(1)) == [wait(3 * HOUR, 1)]


def test_a_mail_over_two_limits_waits_for_the_later_one() -> None:
    sent = [asked(ago, OWNER) for ago in hours(9, 8)] + [asked(ago, OTHER) for ago in hours(23, 22)]
    assert decided(sent, wanted(1)) == [wait(15 * HOUR, 1)]
    assert decided(sent, wanted(1, subject="bridge")) == [wait(HOUR, 1)]


def test_a_clock_that_went_back_makes_nobody_spin() -> None:
    sent = [asked(-HOUR, OWNER), asked(-HOUR, OWNER)]
    assert decided(sent, wanted(1)) == [wait(HOUR + DAY, 1)]


def test_a_mail_without_a_subject_counts_for_no_petition() -> None:
    sent = [asked(HOUR, OWNER, None), asked(HOUR, OWNER, None)]
    assert decided(sent, wanted(1)) == [Send()]


def test_mails_without_a_sender_are_one_senders() -> None:
    sent = [asked(ago, None, "bridge") for ago in hours(3, 2, 1)]
    assert decided(sent, wanted(1, None)) == [wait(21 * HOUR, 1)]
    assert decided(sent, wanted(1, OWNER)) == [Send()]


def test_mails_that_are_sent_now_fill_the_limits_too() -> None:
    mails = [wanted(number, bytes([number]), f"petition {number}") for number in range(1, 7)]
    assert decided([], *mails) == [Send()] * 4 + [wait(DAY, 5), wait(DAY, 6)]
    own = [wanted(number, OWNER, f"petition {number}") for number in range(1, 5)]
    assert decided([], *own) == [Send()] * 3 + [wait(DAY, 4)]


# What is dropped


def test_of_those_that_wait_for_one_petition_and_sender_the_newest_stays() -> None:
    mails = [wanted(number) for number in (5, 1, 4, 2, 3)]
    assert decided([], *mails) == [wait(DAY, 3), Send(), Drop(), Send(), Drop()]


def test_another_senders_mail_and_another_petitions_are_never_dropped() -> None:
    sent = [news(HOUR)] * 5
    mails = [wanted(1), wanted(2, STRANGER), wanted(3, None), wanted(4, OWNER, "bridge")]
    assert decided(sent, *mails) == [wait(23 * HOUR, number) for number in (1, 2, 3, 4)]


def test_a_signature_is_mailed_about_once_a_day() -> None:
    mails = [wanted(1, OWNER, about=7), wanted(2, STRANGER, about=7), wanted(3, OTHER, about=8)]
    assert decided([], *mails) == [Send(), Drop(), Send()]
    assert decided([], *mails, noted=frozenset({uuid(7)})) == [Drop(), Drop(), Send()]


def test_a_signature_that_nobody_was_mailed_about_yet_keeps_all_who_wait() -> None:
    sent = [news(HOUR)] * 5
    mails = [wanted(1, OWNER, about=7), wanted(2, STRANGER, about=7)]
    assert decided(sent, *mails) == [wait(23 * HOUR, 1), wait(23 * HOUR, 2)]


# The order


def one_place() -> list[SentMail]:
    return [news(HOUR), news(HOUR), news(HOUR), asked(HOUR, STRANGER, "bridge")]


def test_the_sender_with_the_fewest_mails_goes_first() -> None:
    mails = [wanted(1, STRANGER), wanted(2, OWNER)]
    assert decided(one_place(), *mails) == [wait(23 * HOUR, 1), Send()]


def test_of_senders_with_as_many_mails_the_one_with_fewer_that_wait_goes_first() -> None:
    mails = [wanted(1, OTHER), wanted(2, OTHER, "bridge"), wanted(3, OWNER)]
    assert decided(one_place(), *mails) == [wait(23 * HOUR, 1), wait(23 * HOUR, 2), Send()]


def test_two_posts_for_one_petition_count_as_one_that_waits() -> None:
    mails = [wanted(1, OWNER), wanted(2, OTHER), wanted(3, OWNER)]
    assert decided(one_place(), *mails) == [Send(), wait(23 * HOUR, 2), wait(23 * HOUR, 3)]


def test_of_equal_senders_the_oldest_mail_goes_first() -> None:
    mails = [wanted(2, OWNER), wanted(1, OTHER)]
    assert decided(one_place(), *mails) == [wait(23 * HOUR, 2), Send()]


@pytest.mark.parametrize(("place", "is_first"), [(1, True), (2, True), (4, False), (None, False)])
def test_a_mail_is_served_by_the_age_of_its_place(place: int | None, is_first: bool) -> None:
    owners, others = decided(one_place(), wanted(5, OWNER, place=place), wanted(3, OTHER))
    assert (owners == Send(), others == Send()) == (is_first, not is_first)


def test_a_mail_takes_the_place_of_the_oldest_that_it_replaces() -> None:
    sent = [news(HOUR)] * 5
    mails = [wanted(7), wanted(4, place=2), wanted(5), wanted(3, OTHER), wanted(6, OTHER)]
    waits = wait(23 * HOUR, 2), wait(23 * HOUR, 3)
    assert decided(sent, *mails) == [waits[0], Drop(), Drop(), Drop(), waits[1]]


def test_a_place_goes_to_no_other_sender_or_petition() -> None:
    sent = [news(HOUR)] * 5
    mails = [wanted(4, place=1), wanted(5, STRANGER), wanted(6, OWNER, "bridge")]
    assert decided(sent, *mails) == [wait(23 * HOUR, number) for number in (1, 5, 6)]


def test_a_mail_that_is_sent_uses_up_its_place() -> None:
    mails = [wanted(4, place=1), wanted(5), wanted(6)]
    assert decided(one_place(), *mails) == [Send(), Drop(), wait(23 * HOUR, 5)]


def test_a_mail_that_is_dropped_for_its_signature_leaves_its_place_to_nobody() -> None:
    sent = [news(HOUR)] * 5
    mails = [wanted(4, place=1, about=7), wanted(5)]
    assert decided(sent, *mails, noted=frozenset({uuid(7)})) == [Drop(), wait(23 * HOUR, 5)]


def test_a_mail_of_other_kinds_puts_nobody_back() -> None:
    sent = [SentMail(NOW - HOUR, False, OWNER, "park") for _ in range(4)]
    assert decided(sent, wanted(1, OWNER), wanted(2, OTHER))[0] == Send()


def test_places_go_round_among_the_senders() -> None:
    flood = [wanted(number, STRANGER, f"petition {number}") for number in range(1, 9)]
    others = [wanted(10, OWNER), wanted(11, OTHER)]
    decisions = share([], [*flood, *others], already_noted=NOBODY, now=NOW)
    first = [number for number in range(1, 12) if decisions.get(uuid(number)) == Send()]
    assert first == [1, 2, 10, 11]


def test_the_order_of_the_lists_does_not_matter() -> None:
    sent = [asked(ago, STRANGER, "bridge") for ago in hours(3, 2, 1)]
    mails = [wanted(number, bytes([number % 3]), f"petition {number % 5}") for number in range(15)]
    forwards = share(sent, mails, already_noted=NOBODY, now=NOW)
    assert forwards == share(sent[::-1], mails[::-1], already_noted=NOBODY, now=NOW)


# Days of one mailbox, event by event


@dataclass
class Mailbox:
    """One mailbox with its sorter, which runs at each post and `late` after a mail is due.

    Every decision is compared with the rules, in other words than the module's.
    """

    late: timedelta = timedelta(0)
    now: datetime = NOW
    sent: list[SentMail] = field(default_factory=list)
    noted: list[tuple[UUID, datetime]] = field(default_factory=list)
    waiting: dict[UUID, tuple[WantedMail, datetime]] = field(default_factory=dict)
    sent_at: dict[UUID, datetime] = field(default_factory=dict)
    dropped: set[UUID] = field(default_factory=set)
    runs_when_due: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new(self, sender: bytes | None, subject: Hashable, about: int | None = None) -> WantedMail:
        return WantedMail(uuid(next(self.numbers)), sender, subject, uuid_or_none(about))

    def post(self, *mails: WantedMail) -> None:
        """Sorts mails that come in one batch, now, with all that wait."""
        everything = [*(mail for mail, _ in self.waiting.values()), *mails]
        before, noted, waited = self.window(), self.noted_today(), dict(self.waiting)
        decisions = share(self.sent, everything, already_noted=noted, now=self.now)
        self.waiting = {}
        for mail in everything:
            self._apply(mail, decisions[mail.id])
        assert set(decisions) == {mail.id for mail in everything}
        check_drops(self, everything)
        check_waits(self)
        check_places(self, [mail for mail, _ in waited.values()], mails)
        check_order(self, before, [mail for mail in everything if mail.signature_id not in noted])

    def send_news(self) -> None:
        """Sends a mail that nobody asked for, as the outbox does: five in all at most."""
        if len(self.window()) < 5:
            self.sent.append(SentMail(self.now, False, None, None))

    def wait(self, moment: datetime) -> None:
        """Lets time pass; the sorter runs whenever a mail is due."""
        while self.waiting and self.next_run() <= moment:
            self.run_when_due()
        self.now = max(self.now, moment)

    def run_when_due(self) -> None:
        self.now = max(self.now, self.next_run())
        self.runs_when_due += 1
        self.post()

    def next_run(self) -> datetime:
        return min(due_at for _, due_at in self.waiting.values()) + self.late

    def window(self) -> list[SentMail]:
        return [mail for mail in self.sent if mail.created_at > self.now - DAY]

    def noted_today(self) -> set[UUID]:
        return {signature for signature, at in self.noted if at > self.now - DAY}

    def _apply(self, mail: WantedMail, decision: Decision) -> None:
        if isinstance(decision, Wait):
            self.waiting[mail.id] = replace(mail, place_id=decision.place_id), decision.due_at
        elif isinstance(decision, Drop):
            self.dropped.add(mail.id)
        else:
            self.sent.append(SentMail(self.now, True, mail.sender, mail.subject))
            self.sent_at[mail.id] = self.now
            if mail.signature_id:
                self.noted.append((mail.signature_id, self.now))


def check_drops(mailbox: Mailbox, everything: Sequence[WantedMail]) -> None:
    """Checks that the dropped have a successor or a signature that was mailed about, no others."""
    newest = {(mail.sender, mail.subject): mail.id for mail, _ in mailbox.waiting.values()}
    assert len(newest) == len(mailbox.waiting)
    for mail in everything:
        if mail.id in mailbox.dropped:
            successor = newest.get((mail.sender, mail.subject), mail.id)
            assert successor > mail.id or mail.signature_id in mailbox.noted_today()


def check_waits(mailbox: Mailbox) -> None:
    """Checks that `due_at` is the first moment with room, if nothing else is sent."""
    for mail, due_at in mailbox.waiting.values():
        assert due_at > mailbox.now
        assert not has_room(mail, mailbox.window())
        assert not has_room(
            mail, [sent for sent in mailbox.sent if sent.created_at >= due_at - DAY]
        )
        assert has_room(mail, [sent for sent in mailbox.sent if sent.created_at > due_at - DAY])


def check_places(
    mailbox: Mailbox, waited: Sequence[WantedMail], posted: Sequence[WantedMail]
) -> None:
    """Checks that a place is kept until its mail is sent or dropped, and else is behind all."""
    gone = {mail.id for mail in waited if mail.signature_id in mailbox.noted_today()}
    kept = {
        (mail.sender, mail.subject): mail.place
        for mail in waited
        if mail.id not in mailbox.sent_at and mail.id not in gone
    }
    for mail, _ in mailbox.waiting.values():
        place = kept.get((mail.sender, mail.subject))
        assert mail.place == place if place else mail.place in {new.id for new in posted}


def check_order(
    mailbox: Mailbox, before: Sequence[SentMail], candidates: Sequence[WantedMail]
) -> None:
    """Checks of the last mail of each sender that nobody who waits should have had its place."""
    after = mailbox.window()
    caused = Counter(sent.sender for sent in after if sent.is_asked_for)
    asking = Counter(sender for sender, _ in {(mail.sender, mail.subject) for mail in candidates})
    granted = [mail for mail in candidates if mailbox.sent_at.get(mail.id) == mailbox.now]
    assert len(after) == len(before) + len(granted)
    for last in {
        mail.sender: mail for mail in sorted(granted, key=lambda mail: mail.place)
    }.values():
        without = list(after)
        without.remove(SentMail(mailbox.now, True, last.sender, last.subject))
        turn = (caused[last.sender] - 1, asking[last.sender], last.place)
        for mail, _ in mailbox.waiting.values():
            if has_room(mail, without):
                earlier = caused[mail.sender] - (mail.sender == last.sender)
                assert turn < (earlier, asking[mail.sender], mail.place)


def has_room(mail: WantedMail, window: Sequence[SentMail]) -> bool:
    asked_for = [sent for sent in window if sent.is_asked_for]
    of_sender = Counter(sent.sender for sent in asked_for)
    of_both = Counter((sent.sender, sent.subject) for sent in asked_for)
    return (
        len(window) <= 4
        and len(asked_for) <= 3
        and of_sender[mail.sender] <= 2
        and of_both[mail.sender, mail.subject] <= 1
    )


def check_limits(mailbox: Mailbox) -> None:
    """Checks every window of 24 hours that ends with a mail; no other window holds more."""
    for last in mailbox.sent:
        window = [
            sent
            for sent in mailbox.sent
            if last.created_at - DAY < sent.created_at <= last.created_at
        ]
        asked_for = [sent for sent in window if sent.is_asked_for]
        assert len(window) <= 5
        assert len(asked_for) <= 4
        assert max(Counter(sent.sender for sent in asked_for).values(), default=0) <= 3
        both = Counter((sent.sender, sent.subject) for sent in asked_for)
        assert max(both.values(), default=0) <= 2
    for signature in {signature for signature, _ in mailbox.noted}:
        times = [at for noted, at in mailbox.noted if noted == signature]
        assert all(later - earlier >= DAY for earlier, later in pairwise(times))


NEWS = "news"
GAPS = st.integers(0, 900).map(lambda minutes: timedelta(minutes=minutes))
ASKING = st.tuples(
    st.sampled_from([OWNER, STRANGER, OTHER, b"fourth", b"fifth", None]),
    st.integers(1, 3),
    st.none() | st.integers(1, 2),
)
EVENTS = st.lists(
    st.tuples(GAPS, st.just(NEWS) | st.lists(ASKING, min_size=1, max_size=5)), max_size=30
)
LATE = st.sampled_from([timedelta(0), TICK, timedelta(minutes=7), 5 * HOUR])
Events = list[tuple[timedelta, str | list[tuple[bytes | None, int, int | None]]]]


def lived(events: Events, late: timedelta) -> Mailbox:
    mailbox = Mailbox(late)
    for gap, what in events:
        mailbox.wait(mailbox.now + gap)
        if isinstance(what, str):
            mailbox.send_news()
        else:
            mailbox.post(*(mailbox.new(*asking) for asking in what))
    return mailbox


@pytest.mark.slow
@given(EVENTS, LATE)
@settings(deadline=None)
def test_no_day_holds_more_mails_than_its_limits(events: Events, late: timedelta) -> None:
    check_limits(lived(events, late))


@pytest.mark.slow
@given(EVENTS, LATE)
@settings(deadline=None)
def test_every_wait_ends_and_every_run_is_of_use(events: Events, late: timedelta) -> None:
    mailbox = lived(events, late)
    while mailbox.waiting:
        mailbox.run_when_due()
        # A mail is waited for once: each run is for one that has left the window.
        assert mailbox.runs_when_due <= len(mailbox.sent)
    everything = {uuid(number) for number in range(1, next(mailbox.numbers))}
    assert mailbox.sent_at.keys() | mailbox.dropped == everything
    assert not mailbox.sent_at.keys() & mailbox.dropped
    check_limits(mailbox)


# The owner of the mailbox, among hostile networks


def networks(number: int) -> list[bytes]:
    return [b"hostile %d" % each for each in range(number)]


def fill(mailbox: Mailbox, hostile: Sequence[bytes], stock: int) -> None:
    """Lets each network post, for ever new petitions, until `stock` of its mails wait."""
    for sender in hostile:
        while [mail.sender for mail, _ in mailbox.waiting.values()].count(sender) < stock:
            mailbox.post(mailbox.new(sender, f"petition {mailbox.numbers}"))


def time_until_owner(
    mailbox: Mailbox,
    hostile: Sequence[bytes],
    *,
    stock: int = 0,
    with_news: bool = False,
    again: timedelta | None = None,
    all_ask_again: bool = False,
) -> timedelta:
    """Posts the owner's mail and lives until the owner has a mail.

    The networks keep `stock` mails waiting. With `with_news` one other mail a day is sent as soon
    as it can be. The owner asks again for the same petition every `again`, and with `all_ask_again`
    so does every network, for each that waits.
    """
    start = mailbox.now
    mailbox.post(mailbox.new(OWNER, "park"))
    asks_at = start + again if again else None
    while all(mail.sender != OWNER for mail in mailbox.sent):
        assert mailbox.now < start + 60 * DAY, "the owner never gets a mail"
        fill(mailbox, hostile, stock)
        if again and asks_at and asks_at <= mailbox.next_run():
            mailbox.now = asks_at
            ask_again(mailbox, [OWNER, *hostile] if all_ask_again else [OWNER])
            asks_at += again
        else:
            mailbox.run_when_due()
        if with_news and all(mail.is_asked_for for mail in mailbox.window()):
            mailbox.send_news()
    return mailbox.now - start


def ask_again(mailbox: Mailbox, senders: Sequence[bytes]) -> None:
    """Posts once more, in one batch with all that wait, what these senders wait for."""
    waiting = [mail for mail, _ in mailbox.waiting.values() if mail.sender in senders]
    mailbox.post(*(mailbox.new(mail.sender, mail.subject) for mail in waiting))


@pytest.mark.parametrize("stock", [1, 2, 14])
def test_one_hostile_network_sends_three_and_delays_nobody(stock: int) -> None:
    mailbox = Mailbox()
    fill(mailbox, [STRANGER], stock)
    assert len(mailbox.sent) == 3
    assert time_until_owner(mailbox, [STRANGER]) == timedelta(0)


@pytest.mark.parametrize("stock", [1, 2, 14])
def test_two_hostile_networks_use_up_the_day_and_then_the_owner_is_first(stock: int) -> None:
    mailbox = Mailbox()
    for sender in (STRANGER, OTHER, STRANGER, OTHER):
        mailbox.post(mailbox.new(sender, f"petition {mailbox.now}"))
        mailbox.wait(mailbox.now + HOUR)
    fill(mailbox, [STRANGER, OTHER], stock)
    assert time_until_owner(mailbox, [STRANGER, OTHER], stock=stock) == 20 * HOUR
    assert [mail.sender for mail in mailbox.sent[4:]] == [OWNER]


def test_two_hostile_networks_that_post_just_before_delay_the_owner_by_a_day() -> None:
    mailbox = Mailbox()
    fill(mailbox, [STRANGER, OTHER], 1)
    assert time_until_owner(mailbox, [STRANGER, OTHER], stock=1) == DAY


@pytest.mark.parametrize("number", [4, 8, 12, 52])
def test_the_bound_of_the_owners_wait_is_reached(number: int) -> None:
    """Four have their first mail, and all have one waiting when the owner comes."""
    mailbox = Mailbox()
    mailbox.post(*(mailbox.new(sender, "park") for sender in networks(4)))
    fill(mailbox, networks(number), 1)
    assert time_until_owner(mailbox, networks(number), stock=1) == ceil((number + 1) / 4) * DAY


@pytest.mark.parametrize("all_ask_again", [False, True])
@pytest.mark.parametrize("late", [timedelta(0), 5 * HOUR])
@pytest.mark.parametrize("again", hours(1, 6, 12, 23))
@pytest.mark.parametrize("number", [4, 8])
def test_an_owner_who_asks_again_and_again_waits_no_longer(
    number: int, again: timedelta, late: timedelta, all_ask_again: bool
) -> None:
    """Each network keeps one mail waiting, and has one older than the owner's."""
    mailbox, hostile = Mailbox(late), networks(number)
    mailbox.post(*(mailbox.new(sender, "park") for sender in networks(4)))
    fill(mailbox, hostile, 1)
    waited = time_until_owner(mailbox, hostile, stock=1, again=again, all_ask_again=all_ask_again)
    days = ceil((number + 1) / 4)
    assert days * DAY <= waited <= days * (DAY + late)


def test_a_place_is_kept_over_several_replacements() -> None:
    mailbox = Mailbox()
    mailbox.post(*(mailbox.new(sender, "park") for sender in networks(4)))
    first = mailbox.new(OWNER, "park")
    mailbox.post(first)
    fill(mailbox, [OTHER, STRANGER], 1)
    for replaced in range(1, 6):
        mailbox.wait(mailbox.now + HOUR)
        ask_again(mailbox, [OWNER])
        assert len(mailbox.dropped) == replaced
        assert [mail.place for mail, _ in mailbox.waiting.values() if mail.sender == OWNER] == [
            first.id
        ]


@pytest.mark.parametrize("times", [1, 5])
def test_asking_again_goes_ahead_of_no_older_mail_of_others(times: int) -> None:
    mailbox = Mailbox(sent=[news(ago) for ago in hours(5, 4, 3, 2, 1)])
    older, owners, younger = (mailbox.new(sender, "park") for sender in (OTHER, OWNER, STRANGER))
    mailbox.post(older, owners, younger)
    for _ in range(times):
        ask_again(mailbox, [OWNER])
    in_order = sorted(mailbox.waiting.values(), key=lambda each: each[0].place)
    assert [mail.sender for mail, _ in in_order] == [OTHER, OWNER, STRANGER]
    mailbox.wait(NOW + DAY)
    assert [mail.sender for mail in mailbox.sent[5:]] == [OTHER, OWNER, STRANGER]


@pytest.mark.parametrize("number", [4, 5, 8, 52])
def test_a_stock_of_old_mails_does_not_keep_the_owner_out(number: int) -> None:
    """Four networks could otherwise be first again each day, for as many days as petitions."""
    mailbox = Mailbox()
    for petition in range(14):
        mailbox.post(*(mailbox.new(sender, petition) for sender in networks(number)))
        mailbox.wait(mailbox.now + HOUR / 2)
    assert time_until_owner(mailbox, networks(number)) <= DAY


POSTS = st.lists(st.tuples(GAPS, st.integers(0, 8), st.integers(1, 6)), max_size=40)


AGAIN = st.none() | st.integers(20, 2000).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.slow
@given(st.integers(1, 9), POSTS, st.integers(0, 3), st.booleans(), LATE, AGAIN, st.booleans())
@settings(deadline=None)
def test_each_hostile_network_goes_ahead_of_the_owner_once_at_most(
    number: int,
    posts: list[tuple[timedelta, int, int]],
    stock: int,
    with_news: bool,
    late: timedelta,
    again: timedelta | None,
    all_ask_again: bool,
) -> None:
    mailbox, hostile = Mailbox(late), networks(number)
    for gap, which, petition in posts:
        mailbox.wait(mailbox.now + gap)
        mailbox.post(mailbox.new(hostile[which % number], petition))
    before = len(mailbox.sent)
    waited = time_until_owner(
        mailbox,
        hostile,
        stock=stock,
        with_news=with_news,
        again=again,
        all_ask_again=all_ask_again,
    )
    assert waited <= (timedelta(0) if number == 1 else ceil((number + 1) / 4) * (DAY + late))
    ahead = Counter(mail.sender for mail in mailbox.sent[before:] if mail.created_at < mailbox.now)
    assert all(times == 1 for sender, times in ahead.items() if sender)
    check_limits(mailbox)
