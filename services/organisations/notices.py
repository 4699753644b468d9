"""Privacy notices of organisations. Each publication is a new version, and earlier ones stay.

An organisation that has published none gets one that this service writes, from what is known.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from models import Organisation, PrivacyNotice
from services.common import texts
from services.errors import NotFound
from services.organisations.faces import Face

LONGEST, SHORTEST = 30_000, 50


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a generated notice: its heading, paragraphs, and points as a list below them."""

    heading: str
    paragraphs: tuple[str, ...]
    points: tuple[str, ...] = ()


def checked(text: str, field: str = "text") -> str:
    """Returns the text of a notice. Raises Invalid."""
    return texts.paragraphs(text, field, longest=LONGEST, shortest=SHORTEST)


def publish(
    session: Session, organisation: Organisation, text: str, *, now: datetime
) -> PrivacyNotice:
    """Adds a version and returns it. The text of the current version again changes nothing.

    :raises Invalid: the text is too short, too long or has control characters
    """
    text = checked(text)
    # Two at once would give their versions the same number.
    locked = select(Organisation.id).where(Organisation.id == organisation.id)
    session.exec(locked.with_for_update(key_share=True)).one()
    latest = current(session, organisation.id)
    if latest is not None and latest.text == text:
        return latest
    notice = PrivacyNotice(
        organisation_id=organisation.id,
        version=latest.version + 1 if latest else 1,
        text=text,
        published_at=now,
    )
    session.add(notice)
    session.flush()
    return notice


def current(session: Session, organisation_id: UUID) -> PrivacyNotice | None:
    """Returns the notice in force; None if the organisation has published none."""
    return next(iter(_versions(session, organisation_id, limit=1)), None)


def every_version(session: Session, organisation_id: UUID) -> list[PrivacyNotice]:
    """Returns all versions, the newest first."""
    return _versions(session, organisation_id)


def version(session: Session, organisation_id: UUID, number: int) -> PrivacyNotice:
    """Returns one version. Raises NotFound."""
    notice = session.get(PrivacyNotice, (organisation_id, number))
    if notice is None:
        raise NotFound("notice_unknown", "There is no such version of this privacy notice.")
    return notice


def publishers(session: Session, organisation_ids: Collection[UUID]) -> set[UUID]:
    """Returns which of these organisations have published a notice."""
    statement = select(PrivacyNotice.organisation_id).where(
        col(PrivacyNotice.organisation_id).in_(organisation_ids)
    )
    return set(session.exec(statement.distinct()))


def _versions(
    session: Session, organisation_id: UUID, *, limit: int | None = None
) -> list[PrivacyNotice]:
    statement = select(PrivacyNotice).where(PrivacyNotice.organisation_id == organisation_id)
    return list(
        session.exec(statement.order_by(col(PrivacyNotice.version).desc()).limit(limit)).all()
    )


def generated(face: Face) -> tuple[Section, ...]:
    """Returns a notice of what this service does with data, and of what is known of the sender.

    It says nothing that only the organisation can know, such as where the service runs or on which
    lawful basis data is used. The sources are articles 6, 9 and 13 of the UK GDPR.
    """
    return (
        _who(face),
        _what(),
        _why(face.name),
        _basis(face.name),
        _who_sees(face.name),
        _how_long(face.name),
        _rights(face),
    )


def as_text(sections: Iterable[Section]) -> str:
    """Returns a generated notice as the text with which an organisation begins its own."""
    blocks = []
    for section in sections:
        first, *others = section.paragraphs
        blocks += [section.heading, first]
        if section.points:
            blocks.append("\n".join(f"- {point}" for point in section.points))
        blocks += others
    return "\n\n".join(blocks)


def _who(face: Face) -> Section:
    runs = f"{face.name} runs this campaign and decides how your details are used."
    if face.registration:
        runs += f" It is a {face.registration}."
    how = _ways(face)
    if not how:
        how = f"{face.name} hasn’t given a contact address here."
    if face.website:
        how += f" Its website is {face.website}."
    return Section("Who is responsible", (runs, how))


def _ways(face: Face) -> str:
    ways = []
    if face.contact_email:
        ways.append(f"email {face.contact_email}")
    if face.postal_address:
        ways.append(f"write to {_one_line(face.postal_address)}")
    return f"You can {' or '.join(ways)}." if ways else ""


def _one_line(address: str) -> str:
    lines = (line.strip(" ,") for line in address.splitlines())
    return ", ".join(line for line in lines if line)


def _what() -> Section:
    return Section(
        "What we collect",
        ("These pages collect:",),
        (
            "If you sign a petition: your name, email address and postcode, whether you live "
            "outside the UK, and a comment if you write one.",
            "If you write to your MP: your name, email address, postal address and letter.",
            "Your answer to whether you want news by email, with the words you agreed to and the "
            "time.",
            "What you tell us later, such as whether your MP replied.",
            "Which website or link led you here, if the link says so.",
            "To stop abuse, a code made from your internet address. We delete it after 14 days at "
            "most.",
        ),
    )


def _why(name: str) -> Section:
    return Section(
        "Why we collect it",
        (
            "We use your email address to check that the signature or letter is yours, and your "
            "postcode to find your constituency and your MP.",
            f"{name} counts signatures, shows how many people signed in each constituency, and "
            "hands the petition to the people it’s addressed to. We send your letter to your MP.",
            f"{name} emails you news only if you say yes.",
        ),
    )


def _basis(name: str) -> Section:
    return Section(
        "What allows us to use it",
        (
            "Signing a petition or writing to your MP can show your political opinions. The law "
            "calls these special category data and protects them more strictly.",
            f"The law asks {name} to say what allows it to use your details. {name} hasn’t said "
            "this yet. Most campaigns rely on your explicit consent to use your political "
            "opinions (Article 9(2)(a) of the UK GDPR), and on your consent to send you news "
            f"(Article 6(1)(a)). {name} has to check whether that’s right for this campaign.",
        ),
    )


def _who_sees(name: str) -> Section:
    return Section(
        "Who sees it",
        ("Your name doesn’t appear on these pages. These people can see your details:",),
        (
            f"the people at {name} who run the campaign",
            "the people who run this website and its mail server, as far as their work needs it",
            "your MP’s office, if you write to your MP: your letter, name, email address and "
            "postal address",
            f"whoever the petition is addressed to: {name} may give them names and the first half "
            "of postcodes",
            "a partner of the campaign, only if you say yes to that partner",
        ),
    )


def _how_long(name: str) -> Section:
    return Section(
        "How long we keep it",
        (
            "If you don’t confirm your signature or letter, we delete it after 14 days.",
            f"{name} hasn’t said how long it keeps signatures and letters that you’ve confirmed. "
            "You can ask for yours to be deleted at any time.",
            "We store your name, addresses, postcode, comment and letters encrypted. Our pages "
            f"have no advertising and no tracking cookies. {name} hasn’t said in which country "
            "the data is stored.",
        ),
    )


def _rights(face: Face) -> Section:
    ask = f"Write to {face.contact_email}." if face.contact_email else f"Ask {face.name}."
    return Section(
        "Your rights",
        (
            f"You can do all of these. {ask}",
            "Each email we send has a link that removes your signature or stops emails.",
            "You can also complain to the Information Commissioner’s Office, which looks after "
            "data protection in the UK: https://ico.org.uk/make-a-complaint/ or 0303 123 1113.",
        ),
        (
            "see what is stored about you, and get a copy of it",
            "have mistakes corrected",
            "have your details deleted",
            "object to how they’re used, or limit it",
            "change your mind about something you agreed to",
        ),
    )
