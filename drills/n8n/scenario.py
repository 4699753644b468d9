"""What the drill lets n8n do, and how it compares what n8n has then with the database."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import SQLModel, col, select

import worker
from drills.n8n.node import N8n
from models import Petition, Signature, SignatureState, Submission, Supporter, Tag, Tagging
from services.assembly import Lobby
from services.signatures import confirming

Json = dict[str, Any]
MOST = 500
_TAG, _KEPT_TAG = "volunteer", "donor"


@dataclass(frozen=True, slots=True)
class Compared:
    """A list that n8n read to its end, and the rows of the database, by what they have in common.

    `missing` are in the database and not in n8n's list, `unknown` the other way round. A row that
    is listed twice is unknown once.
    """

    kind: str
    listed: int
    stored: int
    missing: int
    unknown: int

    @classmethod
    def of(cls, kind: str, listed: Iterable[object], stored: Iterable[object]) -> "Compared":
        """Compares two lists, whatever their order."""
        ours, theirs = Counter(listed), Counter(stored)
        lost, surplus = theirs - ours, ours - theirs
        return cls(kind, ours.total(), theirs.total(), lost.total(), surplus.total())


@dataclass(slots=True)
class Report:
    """The lists that were compared, how many calls n8n made, and the faults."""

    calls: int = 0
    lists: list[Compared] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, is_right: bool, what: str) -> None:
        """Notes a fault unless something is as it should be."""
        if not is_right:
            self.wrong.append(what)

    @property
    def faults(self) -> list[str]:
        """What went wrong, and which lists differ from the database."""
        differing = [
            f"{row.kind}: {row.missing} missing, {row.unknown} unknown"
            for row in self.lists
            if row.missing or row.unknown
        ]
        return self.wrong + differing


def run(n8n: N8n, lobby: Lobby, people: int) -> Report:
    """Makes `people` people and signatures and half as many petitions and tags, and reads all.

    Raises DrillFailed where the node stops with an error.
    """
    if not 2 <= people <= MOST:
        raise ValueError(f"2 to {MOST} people, please")
    report = Report()
    report.expect(n8n.accepts_key(), "the key is not accepted")
    ids = [_person(n8n, number) for number in range(people)]
    tags = _tag_people(n8n, report, ids)
    petition = _petitions(n8n, report, people // 2)
    _signatures(n8n, lobby, report, petition, ids)
    _refusals(n8n, report)
    report.lists += _compared(n8n, lobby, petition, tags)
    report.calls = n8n.calls
    return report


def _person(n8n: N8n, number: int) -> str:
    """Adds a person, every third one without a name and a postcode, and changes every tenth."""
    fields = {"address": f"n8n{number}@example.org", "primary": True, "status": "subscribed"}
    address = {"primary": True, "locality": "Leith", "postal_code": "EH1 1YZ", "country": "GB"}
    more: Json = {
        "given_name": "Anna",
        "family_name": f"Number{number}",
        "languages_spoken": "en",
        "postal_addresses": {"postal_addresses_fields": [address]},
    }
    made = n8n.one(
        "person",
        "create",
        email_addresses={"email_addresses_fields": fields},
        additionalFields={} if number % 3 == 2 else more,
    )
    if number % 10 == 0:
        n8n.one("person", "update", personId=made["id"], updateFields={"given_name": "Berta"})
    return str(made["id"])


def _tag_people(n8n: N8n, report: Report, ids: Sequence[str]) -> list[str]:
    """Adds tags, puts one on everybody, and takes it off two people again; returns its id."""
    names = [_TAG, _KEPT_TAG, *(f"tag {number}" for number in range(len(ids) // 2))]
    made = [n8n.one("tag", "create", name=name)["id"] for name in names]
    for person in ids:
        n8n.one("personTag", "add", tagId=made[0], personId=person)
    for choice in n8n.choices("getTaggings", tagId=made[0])[:2]:
        n8n.one("personTag", "remove", tagId=made[0], taggingId=choice["value"])
    report.expect(n8n.one("tag", "get", tagId=made[0])["name"] == _TAG, "the tag has another name")
    offered = {choice["name"] for choice in n8n.choices("getTags")}
    report.expect(offered >= set(names), "not all tags are offered")
    return [str(made[0])]


def _petitions(n8n: N8n, report: Report, count: int) -> str:
    """Adds petitions, some with a title alone; returns the id of the first one."""
    made = [
        n8n.one(
            "petition",
            "create",
            originSystem="n8n",
            title=f"Save library {number}",
            additionalFields={} if number % 2 else {"target": "Council, Mayor"},
        )
        for number in range(count)
    ]
    fields = {"petition_text": "Dear Council, please."}
    changed = n8n.one("petition", "update", petitionId=made[0]["id"], updateFields=fields)
    report.expect(changed["description"] == fields["petition_text"], "a petition is not changed")
    read = n8n.one("petition", "get", petitionId=made[0]["id"])
    report.expect(read == changed, "a petition is read differently")
    return str(made[0]["id"])


def _signatures(n8n: N8n, lobby: Lobby, report: Report, petition: str, ids: Sequence[str]) -> None:
    """Signs for everybody; half of them confirm. Changes the comment of one of these."""
    for number, person in enumerate(ids):
        n8n.one(
            "signature",
            "create",
            petitionId=petition,
            personId=person,
            additionalFields={"comments": f"Because {number}"},
        )
    worker.sort_submissions(lobby)
    with lobby.database.write() as session:
        mine = select(Submission.id).where(Submission.petition_id == UUID(petition))
        waiting = list(session.exec(mine.order_by(col(Submission.id))))
        report.expect(len(waiting) == len(ids), f"{len(waiting)} of {len(ids)} signatures arrived")
        half = waiting[: len(waiting) // 2]
        confirming.confirm_all(session, half, keyring=lobby.keyring, now=lobby.clock())
    where = {"petitionId": petition, "simple": False}
    confirmed = next(
        item
        for item in n8n.execute("signature", "getAll", returnAll=True, **where)
        if item["central_lobby:state"] == "confirmed"
    )
    where["signatureId"] = confirmed["_links"]["self"]["href"].rpartition("/")[2]
    fields = {"comments": "Thank you"}
    n8n.one("signature", "update", updateFields=fields, **where)
    read = n8n.one("signature", "get", **where)
    report.expect(read["comments"] == "Thank you", "a comment is not changed")


def _refusals(n8n: N8n, report: Report) -> None:
    """There are no events here: n8n has to say so, in our words too."""
    report.expect(n8n.execute("event", "getAll", returnAll=True) == [], "there are events")
    refused = n8n.refused("event", "create", originSystem="n8n", title="Meeting")
    report.expect("method" in refused.description, f"n8n does not say why: {refused}")
    named = n8n.refused("petition", "create", originSystem="n8n", title="x" * 201)
    report.expect("title" in named.description, f"n8n does not name the field: {named}")


def _compared(n8n: N8n, lobby: Lobby, petition: str, tags: Sequence[str]) -> list[Compared]:
    """Reads every list to its end with n8n, and compares it with the database."""

    def listed(resource: str, **parameters: Any) -> list[Json]:
        return n8n.execute(resource, "getAll", returnAll=True, **parameters)

    live = col(Signature.state).in_([SignatureState.PENDING, SignatureState.CONFIRMED])
    signatures = listed("signature", petitionId=petition, simple=False)
    with lobby.database.read() as session:

        def stored(model: type[SQLModel], value: Callable[[Any], object], *where: Any) -> list[Any]:
            return [value(row) for row in session.exec(select(model).where(*where))]

        own_id = UUID(petition)
        in_database = [
            *stored(Signature, _own_id, Signature.petition_id == own_id, live),
            *stored(Submission, _own_id, Submission.petition_id == own_id),
        ]
        return [
            Compared.of(
                "people",
                [row["email_address"] for row in listed("person")],
                stored(Supporter, lambda row: row.email.text),
            ),
            Compared.of(
                "petitions",
                [row["title"] for row in listed("petition")],
                stored(Petition, lambda row: row.action),
            ),
            Compared.of(
                "tags", [row["name"] for row in listed("tag")], stored(Tag, lambda row: row.name)
            ),
            Compared.of("signatures", [row["identifiers"][1] for row in signatures], in_database),
            Compared.of(
                "taggings of a tag",
                ["" for _ in n8n.choices("getTaggings", tagId=tags[0])],
                stored(Tagging, lambda _row: "", Tagging.tag_id == UUID(tags[0])),
            ),
        ]


def _own_id(row: Any) -> str:
    return f"central_lobby:{row.id}"
