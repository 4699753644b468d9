"""The petitions of a campaign: what waits, how they grow, and where signatures come from."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Campaign, Partner, Petition, PetitionTally, Signature, SignatureState
from models.constituency import OVERSEAS, Constituency
from services.signatures import pending_views
from services.tallies import histories
from services.tallies.histories import DailyHistory
from services.traffic.minute_cache import Counted, MinuteCache
from services.views.desk import figures, overview, petitions, small_groups
from services.views.desk.figures import Figure
from services.views.desk.petitions import DeskPetition

TOP = 10
MOST_SOURCES = 30
_SOURCES = (
    sa.select(col(Signature.source), col(Partner.name), sa.func.count())
    .select_from(Signature)
    .join(Petition, col(Petition.id) == Signature.petition_id)
    .outerjoin(Partner, col(Partner.id) == Signature.partner_id)
    .where(
        col(Petition.campaign_id) == sa.bindparam("campaign_id"),
        col(Signature.state) == SignatureState.CONFIRMED,
    )
    .group_by(col(Signature.source), col(Partner.name))
)
_PLACES = (
    sa.select(
        col(PetitionTally.constituency_code),
        col(Constituency.name),
        sa.func.sum(col(PetitionTally.confirmed)),
    )
    .join(Petition, col(Petition.id) == PetitionTally.petition_id)
    .outerjoin(Constituency, col(Constituency.code) == PetitionTally.constituency_code)
    .where(col(Petition.campaign_id) == sa.bindparam("campaign_id"))
    .group_by(col(PetitionTally.constituency_code), col(Constituency.name))
)


@dataclass(frozen=True, slots=True)
class Group:
    """Signatures of one source or partner. `name` is None for those without one."""

    name: str | None
    signatures: int


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of five or more, the largest first, and how many are in all others together."""

    shown: tuple[Group, ...]
    others: int = 0

    @property
    def total(self) -> int:
        return sum(group.signatures for group in self.shown) + self.others


@dataclass(frozen=True, slots=True)
class Sources:
    """Where confirmed signatures come from, each counted once in each of the two.

    `media` are the sources that our share links name; `codes` all others, with those without any.
    """

    media: Groups
    codes: Groups
    partners: Groups


@dataclass(frozen=True, slots=True)
class Place:
    """A constituency with its signatures."""

    code: str
    name: str
    signatures: int


@dataclass(frozen=True, slots=True)
class Places:
    """The constituencies with most signatures, and signatures outside the seats.

    `unknown` and `overseas` are those of the tally.
    """

    top: tuple[Place, ...]
    unknown: int
    overseas: int


@dataclass(frozen=True, slots=True)
class PetitionRoom:
    """What the page shows. `unconfirmed` is None for more than the service counts."""

    petitions: tuple[DeskPetition, ...]
    signatures: Figure
    history: DailyHistory
    sources: Counted[Sources]
    places: Places

    @property
    def unconfirmed(self) -> int | None:
        counts = [each.unconfirmed for each in self.petitions]
        is_more = any(count > pending_views.MOST_COUNTED for count in counts)
        return None if is_more else sum(counts)


def of_campaign(
    session: Session,
    campaign: Campaign,
    *,
    days: int | None,
    media: Collection[str],
    counts: MinuteCache,
    now: datetime,
) -> PetitionRoom:
    """Returns the petitions of a campaign with the last `days`, or all, in a fixed number of
    statements. `media` are the sources of share links."""
    return PetitionRoom(
        petitions=tuple(petitions.of_campaign(session, campaign.id, now=now)),
        signatures=figures.of_campaign(session, campaign.id, now=now).figures.signatures,
        history=overview.days_of(session, campaign, days=days, now=now),
        sources=sources_of(session, campaign.id, media=media, counts=counts),
        places=places_of(session, campaign.id),
    )


def sources_of(
    session: Session, campaign_id: UUID, *, media: Collection[str], counts: MinuteCache
) -> Counted[Sources]:
    """Returns where the signatures of a campaign come from, as counted within the last minute.

    It reads every signature: with 200,000 that takes longer than a page may.
    """
    key = ("petition sources", campaign_id)
    return counts.get(key, lambda: _sources(session, campaign_id, media))


def places_of(session: Session, campaign_id: UUID) -> Places:
    """Returns the constituencies with most signatures, those with fewer than five left out."""
    rows = list(session.execute(_PLACES, {"campaign_id": campaign_id}))
    in_seats = [Place(code, name, int(count)) for code, name, count in rows if name is not None]
    outside = {code: int(count) for code, name, count in rows if name is None}
    overseas = outside.pop(OVERSEAS, 0)
    ordered = sorted(in_seats, key=lambda place: (-place.signatures, place.name))
    top = [place for place in ordered[:TOP] if place.signatures >= small_groups.FEWEST]
    return Places(tuple(top), unknown=sum(outside.values()), overseas=overseas)


def growth(history: histories.DailyHistory, days: int) -> int:
    """Returns the sum of the last days of a history."""
    return sum(history.signatures_a_day[-days:])


def _sources(session: Session, campaign_id: UUID, media: Collection[str]) -> Sources:
    by_medium: Counter[str | None] = Counter()
    by_code: Counter[str | None] = Counter()
    by_partner: Counter[str | None] = Counter()
    for source, partner, count in session.execute(_SOURCES, {"campaign_id": campaign_id}):
        (by_medium if source in media else by_code)[source] += count
        by_partner[partner] += count
    return Sources(*(_groups(counts.items()) for counts in (by_medium, by_code, by_partner)))


def _groups(counts: Iterable[tuple[str | None, int]]) -> Groups:
    """Anybody can make up sources, so that only the largest are shown."""
    shown, others = small_groups.joined(dict(counts))
    kept, rest = shown[:MOST_SOURCES], shown[MOST_SOURCES:]
    return Groups(
        tuple(Group(name, count) for name, count in kept),
        others + sum(count for _, count in rest),
    )
