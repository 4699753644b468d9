"""Everything at once, for keys of its own organisation: signatures and letters as files."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.dependencies import LettersReader, SignaturesReader, Slug, TheLobby
from api.http.downloads import described, download
from api.schemas.fields import Moment
from models import LetterState, Scope, SignatureState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.files.export_lines import FileFormat
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.letters import letter_exports
from services.signatures import signature_exports

router = APIRouter(tags=["exports"])
Personal = Annotated[
    bool, Query(description="`false` leaves personal data out: nothing is decrypted, and faster.")
]


class WantedSignatures:
    """Which signatures. `since` gives what was signed, confirmed or ended then or later."""

    def __init__(
        self,
        state: SignatureState | None = None,
        since: Moment | None = None,
        personal: Personal = True,
    ) -> None:
        self.state, self.since, self.personal = state, since, personal


class WantedLetters:
    """Which letters. `since` gives what was written, confirmed, sent or came back then or later."""

    def __init__(
        self,
        state: LetterState | None = None,
        since: Moment | None = None,
        personal: Personal = True,
        bodies: Annotated[bool, Query(description="With subjects and bodies.")] = False,
    ) -> None:
        self.state, self.since, self.personal = state, since, personal
        self.bodies = bodies


Signatures = Annotated[WantedSignatures, Depends()]
Letters = Annotated[WantedLetters, Depends()]


@router.get(
    "/petitions/{slug}/signatures.csv", response_class=Response, responses=described(FileFormat.CSV)
)
def signatures_csv(
    slug: Slug, request: Request, caller: SignaturesReader, lobby: TheLobby, wanted: Signatures
) -> Response:
    """All signatures of a petition of the key's own organisation. Needs `signatures:read`.

    A partner's key gets those that came through that partner and were confirmed, and whose they
    are only where `contact` is yes.
    """
    return _signatures(slug, request, caller, lobby, wanted, FileFormat.CSV)


@router.get(
    "/petitions/{slug}/signatures.jsonl",
    response_class=Response,
    responses=described(FileFormat.JSONL),
)
def signatures_jsonl(
    slug: Slug, request: Request, caller: SignaturesReader, lobby: TheLobby, wanted: Signatures
) -> Response:
    """As `signatures.csv`: an object a line, with the names of the CSV's columns."""
    return _signatures(slug, request, caller, lobby, wanted, FileFormat.JSONL)


@router.get(
    "/campaigns/{slug}/letters.csv", response_class=Response, responses=described(FileFormat.CSV)
)
def letters_csv(
    slug: Slug, request: Request, caller: LettersReader, lobby: TheLobby, wanted: Letters
) -> Response:
    """All letters of a campaign of the key's own organisation. Needs `letters:read`.

    With their writers, for which the key needs `letters:writers` too, but with `personal=false`;
    and with what they say only where `bodies` is set.
    """
    return _letters(slug, request, caller, lobby, wanted, FileFormat.CSV)


@router.get(
    "/campaigns/{slug}/letters.jsonl",
    response_class=Response,
    responses=described(FileFormat.JSONL),
)
def letters_jsonl(
    slug: Slug, request: Request, caller: LettersReader, lobby: TheLobby, wanted: Letters
) -> Response:
    """As `letters.csv`: an object a line, with the names of the CSV's columns."""
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
