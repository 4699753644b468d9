"""Loads the demonstration, which replays the campaign of 2017 to keep NHS Professionals public.

Constituencies and postcodes are real; members and supporters are invented and have addresses at
example.org. `README.md` in this folder describes the data.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from models import (
    Campaign,
    EventKind,
    Keyring,
    Letter,
    Member,
    MemberOverride,
    MemberReply,
    Organisation,
    Organiser,
    OverrideKind,
    Private,
    ReplyKind,
    SeatWatch,
    Supporter,
)
from services.campaigns import campaigns, events, news, petitions
from services.common import times
from services.demonstration import invented_answers, invented_pictures
from services.errors import Conflict, Unauthenticated
from services.files import csv_reading
from services.letters import confirmed_letters, intake
from services.letters.drafting import drafts, situations
from services.letters.intake import NewLetter
from services.organisations import identity, organisations
from services.parliament import constituencies, map_tiles, members, seats
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync
from services.signatures import confirming, recording
from services.signatures.recording import Lookup, SignatureRequest
from services.supporters import wordings

FOLDER = Path(__file__).parent
POSTCODES = FOLDER / "postcodes.csv"
ORGANISER = "organiser@example.org"
PASSWORD = "demonstration"  # noqa: S105 - of invented people's data, and printed by `lobby demo`
SIGNATURES = 360
LETTERS = 14
DAYS = 30
LIKENESS_LIMIT = 80
REFUSES = "Clacton"
UNDECIDED = "Edinburgh East and Musselburgh"
_SEED = 2017
_UNTIL_CONFIRMED = timedelta(minutes=9)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The slugs of the demonstration."""

    organisation: str
    campaign: str
    petition: str


def about() -> Demonstration:
    """Returns the slugs, whether the demonstration is loaded or not."""
    content = _read("campaign.json")
    return Demonstration(
        content["organisation"]["slug"], content["campaign"]["slug"], content["petition"]["slug"]
    )


def is_loaded(session: Session) -> bool:
    slug = about().organisation
    return (
        session.exec(select(Organisation.id).where(Organisation.slug == slug)).first() is not None
    )


def check_place(session: Session) -> None:
    """Checks that the database is empty or has the demonstration.

    :raises Conflict: it has another organisation, or MPs, whom the invented ones would replace
    """
    statement = select(Organisation.slug).where(col(Organisation.is_demonstration).is_(False))
    other = session.exec(statement.limit(1)).first()
    if other is not None:
        raise _in_use(f"another organisation, '{other}'")
    if not is_loaded(session) and session.exec(select(Member.id).limit(1)).first() is not None:
        raise _in_use("MPs")


def _in_use(what: str) -> Conflict:
    message = (
        f"The demonstration needs a database of its own, and this one has {what}: set "
        "LOBBY_DATA_DIR or LOBBY_DATABASE_URL to another."
    )
    return Conflict("database_in_use", message)


def refuse_known_password(session: Session, organiser: Organiser, password: str) -> None:
    """Refuses the password that everybody knows, for an organiser of a demonstration.

    Call it after signing in, where the client or the service is not on this machine.

    :raises Unauthenticated: it is that password
    """
    organisation = organisations.get(session, organiser.organisation_id)
    if organisation.is_demonstration and password == PASSWORD:
        message = "The demonstration's password works only on the computer that runs it."
        raise Unauthenticated("demonstration_password", message)


def load(
    session: Session,
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
    password: str = PASSWORD,
) -> None:
    """Loads everything in the caller's transaction.

    Requires that `is_loaded` is false, and that `postcodes` knows the postcodes of `POSTCODES`.
    `password` is the organiser's. Everybody knows the default, which works on this machine only.
    """
    content = _read("campaign.json")
    load_parliament(session, now)
    organisation = organisations.create(
        session, **content["organisation"], is_demonstration=True, now=now
    )
    identity.change(session, organisation, content["identity"])
    organiser = organisations.create_organiser(
        session, keyring, organisation=organisation, email=ORGANISER, password=password, now=now
    )
    wordings.set_updates(session, organisation.id, content["wordings"]["updates"], now=now)
    campaign = _load_campaign(session, organisation, content, now - timedelta(days=DAYS))
    invented_pictures.load(session, organisation, campaign, now - timedelta(days=DAYS))
    _load_events(session, campaign, content, now)
    _load_refusal(session, organisation, now)
    requests = supporters_of(content["petition"]["slug"])
    _load_signatures(session, requests, postcodes, keyring, now)
    write_letters(session, campaign, requests[:LETTERS], postcodes, keyring, now)
    _load_reply(session, campaign, now)
    invented_answers.load_contacts(session, today=times.today(now))
    invented_answers.load_answers(session, campaign, organiser, now=now)
    _load_watch(session, campaign, now)


def load_parliament(session: Session, now: datetime) -> None:
    """Loads the invented constituencies, members and motion, and nothing else."""
    constituencies.import_csv(session, FOLDER / "constituencies.csv")
    map_tiles.place(session, now=now)
    # Offices begin on the day of the import, here the day when the motion was tabled.
    members.import_csv(session, FOLDER / "members.csv", today=(now - timedelta(days=DAYS)).date())
    content = (FOLDER / "motion.json").read_bytes()
    motion_id = json.loads(content)["Response"]["Id"]
    motion_sync.apply_answer(session, motions_api.read_answer(content, motion_id), now=now)


def _load_campaign(
    session: Session, organisation: Organisation, content: dict[str, Any], now: datetime
) -> Campaign:
    motion_id = _read("motion.json")["Response"]["Id"]
    campaign = campaigns.create(
        session,
        organisation_id=organisation.id,
        values={
            **content["campaign"],
            "purpose": content["purpose"],
            "purpose_welsh": content["purpose_welsh"],
            "letter_points": content["points"],
            "letter_points_welsh": content["points_welsh"],
            "likeness_limit": LIKENESS_LIMIT,
        },
        motion_id=motion_id,
        now=now,
    )
    petitions.create(session, campaign=campaign, values=content["petition"], now=now)
    for update in content["updates"]:
        published_at = datetime.fromisoformat(update["published_at"])
        news.add(
            session,
            campaign,
            title=update["title"],
            body=update["body"],
            published_at=published_at,
            now=now,
        )
    session.flush()
    return campaign


def _load_events(
    session: Session, campaign: Campaign, content: dict[str, Any], now: datetime
) -> None:
    """Loads the coming dates. `in_days` counts from today, and `at` is a time in London."""
    for event in content["events"]:
        day = times.today(now) + timedelta(days=event["in_days"])
        starts_at = datetime.combine(day, time.fromisoformat(event["at"]), times.LONDON)
        values = {name: event[name] for name in ("title", "text", "place", "link")}
        values |= {"kind": EventKind(event["kind"]), "starts_at": starts_at.astimezone(UTC)}
        events.add(session, campaign, values=values, now=now)


def _load_refusal(session: Session, organisation: Organisation, now: datetime) -> None:
    """Loads a member who refuses to sign motions, so that all kinds of eligibility occur."""
    codes = {seat.name: code for code, seat in constituencies.by_code(session).items()}
    member = session.get_one(Member, _member_id(codes[REFUSES]))
    session.add(
        MemberOverride(
            organisation_id=organisation.id,
            member_id=member.id,
            kind=OverrideKind.REFUSES,
            reason="Told a constituent that they sign no Early Day Motions.",
            link="https://example.org/replies/1",
            starts_on=(now - timedelta(days=DAYS)).date(),
            recorded_at=now,
        )
    )
    session.flush()


def _load_reply(session: Session, campaign: Campaign, now: datetime) -> None:
    """Loads the reply of a member who has not decided yet."""
    codes = {seat.name: code for code, seat in constituencies.by_code(session).items()}
    session.add(
        MemberReply(
            campaign_id=campaign.id,
            motion_id=_read("motion.json")["Response"]["Id"],
            member_id=_member_id(codes[UNDECIDED]),
            kind=ReplyKind.UNDECIDED,
            text=Private(campaign.organisation_id, "I shall read the motion and think about it."),
            said_on=(now - timedelta(days=4)).date(),
            link="https://example.org/replies/2",
            verified_by=Private(campaign.organisation_id, "An organiser"),
            recorded_at=now,
            updated_at=now,
        )
    )
    session.flush()


def _load_watch(session: Session, campaign: Campaign, now: datetime) -> None:
    """Loads a supporter in the vacant seat who wants an email when it has a new member."""
    vacant = next(
        seat.constituency.code
        for seat in seats.all_seats(session, today=now.date(), organisation_id=None)
        if seat.member is None
    )
    residents = select(Supporter).where(Supporter.constituency_code == vacant)
    supporter = session.exec(residents.order_by(col(Supporter.id))).first()
    if supporter is None:
        raise RuntimeError("the demonstration has nobody in its vacant seat")
    session.add(
        SeatWatch(
            supporter_id=supporter.id,
            campaign_id=campaign.id,
            constituency_code=vacant,
            asked_at=now,
        )
    )
    session.flush()


def _member_id(code: str) -> int:
    rows = csv_reading.rows(FOLDER / "members.csv", needed=members.COLUMNS)
    return next(int(row["member_id"]) for _, row in rows if row["constituency_gss"] == code)


def supporters_of(petition: str) -> list[SignatureRequest]:
    """Returns signatures of invented people at real postcodes, always the same."""
    return list(_requests(petition))


def _requests(petition: str) -> Iterator[SignatureRequest]:
    names = _read("names.json")
    postcodes = [row["pcds"] for _, row in csv_reading.rows(POSTCODES, needed={"pcds"})]
    chance = random.Random(_SEED)  # noqa: S311 - invented people, not secrets
    for number in range(SIGNATURES):
        name = f"{chance.choice(names['given'])} {chance.choice(names['family'])}"
        abroad = chance.random() < 0.02
        yield SignatureRequest(
            petition_slug=petition,
            name=name,
            email=f"supporter{number}@example.org",
            postcode="75001" if abroad else chance.choice(postcodes),
            country="FR" if abroad else "GB",
            comment=chance.choice(names["comments"]) if chance.random() < 0.2 else None,
            updates=chance.random() < 0.4,
        )


def _load_signatures(
    session: Session,
    requests: list[SignatureRequest],
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
) -> None:
    """Records signatures, more each day. They are confirmed at once, so no emails are sent."""
    days = sorted(DAYS * (1 - place / len(requests)) ** 2 for place in range(len(requests)))
    for request, days_ago in zip(requests, reversed(days), strict=True):
        moment = now - timedelta(days=days_ago)
        outcomes = recording.record(
            session, [request], postcodes=postcodes, keyring=keyring, now=moment
        )
        signature_id = outcomes[0].signature_id
        if signature_id is not None:
            confirmed_at = min(moment + _UNTIL_CONFIRMED, now)
            confirming.confirm(session, signature_id, keyring=keyring, now=confirmed_at)


def write_letters(
    session: Session,
    campaign: Campaign,
    requests: list[SignatureRequest],
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
) -> list[Letter]:
    """Writes and confirms letters of these supporters, where a letter is possible."""
    letters, written_at = [], now - _UNTIL_CONFIRMED
    for request in requests:
        result = postcodes(request.postcode) if request.country == "GB" else None
        if result is None or result.constituency_code is None:
            continue
        situation = situations.of_postcode(session, campaign, result, keyring=keyring, now=now)
        draft = drafts.draft(situation, name=request.name, points=tuple(campaign.letter_points[:1]))
        if situation.reason is not None:
            continue
        address = intake.PostalAddress(
            line1="1 Example Street", town="Anytown", postcode=result.postcode
        )
        new = NewLetter(request.name, request.email, address, draft.subject, draft.body)
        taken = intake.take_in(session, situation, new, keyring=keyring, now=written_at)
        letters.append(confirmed_letters.confirm(session, taken.id, keyring=keyring, now=now))
    return letters


def _read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))
