"""Exports of signatures and letters as files, for keys of the own organisation."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from api.http.csv_answers import BOM
from api.http.dependencies import LettersReader, SignaturesReader, Slug, TheLobby
from api.http.downloads import download, file_responses
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import Since, same_of
from models import LetterState, Scope, SignatureState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.files.export_lines import FileFormat
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.letters import letter_exports
from services.signatures import signature_exports

router = Router(tags=["exports"])
Personal = Annotated[bool, Query(description="`false` leaves personal data out, which is faster.")]


class WantedSignatures:
    """The query.

    `since` selects what changed since then, in the order of the changes: signatures that were
    signed, confirmed or ended, and those whose signer has changed an answer.
    """

    def __init__(
        self,
        state: SignatureState | None = None,
        status: SignatureState | None = None,
        since: Since | None = None,
        personal: Personal = True,
    ) -> None:
        self.state, self.since, self.personal = same_of(status, state), since, personal


class WantedLetters:
    """The query.

    `since` selects letters that were written, confirmed, sent or bounced since then, and with
    personal data those whose writer has changed the answer about news.
    """

    def __init__(
        self,
        state: LetterState | None = None,
        status: LetterState | None = None,
        since: Since | None = None,
        personal: Personal = True,
        bodies: Annotated[bool, Query(description="`true` adds subjects and bodies.")] = False,
    ) -> None:
        self.state, self.since, self.personal = same_of(status, state), since, personal
        self.bodies = bodies


Signatures = Annotated[WantedSignatures, Depends()]
Letters = Annotated[WantedLetters, Depends()]


@router.get(
    "/petitions/{slug}/signatures.csv",
    response_class=Response,
    responses=file_responses(FileFormat.CSV),
    dependencies=[KNOWN_NAMES, BOM],
)
def signatures_csv(
    slug: Slug, request: Request, caller: SignaturesReader, lobby: TheLobby, wanted: Signatures
) -> Response:
    """Download all signatures of a petition of the key's organisation as CSV.

    Signatures that still need a confirmation are in the file with `state=pending` alone. Needs a
    key with `signatures:read`. A partner's key gets the signatures that came through that partner
    and were confirmed, with personal data only where `contact` is yes.
    """
    return _signatures(slug, request, caller, lobby, wanted, FileFormat.CSV)


@router.get(
    "/petitions/{slug}/signatures.jsonl",
    response_class=Response,
    responses=file_responses(FileFormat.JSONL),
    dependencies=[KNOWN_NAMES],
)
def signatures_jsonl(
    slug: Slug, request: Request, caller: SignaturesReader, lobby: TheLobby, wanted: Signatures
) -> Response:
    """Download what `signatures.csv` has as JSON lines: objects with the names of its columns."""
    return _signatures(slug, request, caller, lobby, wanted, FileFormat.JSONL)


@router.get(
    "/campaigns/{slug}/letters.csv",
    response_class=Response,
    responses=file_responses(FileFormat.CSV),
    dependencies=[KNOWN_NAMES, BOM],
)
def letters_csv(
    slug: Slug, request: Request, caller: LettersReader, lobby: TheLobby, wanted: Letters
) -> Response:
    """Download all letters of a campaign of the key's organisation as CSV.

    Needs a key with `letters:read`, and with `letters:writers` too unless `personal` is `false`.
    Subjects and bodies are included only with `bodies`.
    """
    return _letters(slug, request, caller, lobby, wanted, FileFormat.CSV)


@router.get(
    "/campaigns/{slug}/letters.jsonl",
    response_class=Response,
    responses=file_responses(FileFormat.JSONL),
    dependencies=[KNOWN_NAMES],
)
def letters_jsonl(
    slug: Slug, request: Request, caller: LettersReader, lobby: TheLobby, wanted: Letters
) -> Response:
    """Download what `letters.csv` has as JSON lines: objects with the names of its columns."""
    return _letters(slug, request, caller, lobby, wanted, FileFormat.JSONL)


def _signatures(
    slug: str,
    request: Request,
    caller: Caller,
    lobby: Lobby,
    wanted: WantedSignatures,
    form: FileFormat,
) -> Response:
    with lobby.database.read() as session:
        petition = api_keys.own_petition(session, caller, slug)
    export = signature_exports.of_petition(
        petition,
        state=wanted.state,
        since=wanted.since,
        is_personal=wanted.personal,
        partner_id=caller.partner_id,
    )
    return download(request, lobby, export, form, name=f"{slug}-signatures", by=caller.name)


def _letters(
    slug: str,
    request: Request,
    caller: Caller,
    lobby: Lobby,
    wanted: WantedLetters,
    form: FileFormat,
) -> Response:
    if wanted.personal:
        caller.require(Scope.LETTERS_WRITERS)
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    export = letter_exports.of_campaign(
        campaign,
        state=wanted.state,
        since=wanted.since,
        is_personal=wanted.personal,
        has_words=wanted.bodies,
    )
    return download(request, lobby, export, form, name=f"{slug}-letters", by=caller.name)
