"""Health checks and metrics."""

from datetime import datetime, timedelta

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby, require_metrics_token
from api.http.late_routes import Router
from api.http.problem import problems
from services.assembly import Lobby
from services.database import secret_keys
from services.database.engine import check_schema, check_writable
from services.errors import Unavailable
from services.mail import outbox
from services.operations import figures, mail_server
from services.submissions import backlog

router = Router(tags=["health"])
_PROBLEMS = problems()
MINUTE = timedelta(minutes=1)


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The database can be written to, and has this program's schema and secret key.

    Ages are in whole minutes. `mail_server` is null unless the mail server is out of use: then it
    says what that means.
    """

    status: str = "ok"
    mail_server: str | None
    outbox_oldest_due_seconds: float
    submissions_oldest_new_seconds: float


@router.get("/livez")
def livez() -> Alive:
    """Check that the process runs."""
    return Alive()


@router.get("/readyz")
def readyz(lobby: TheLobby, session: ReadSession, now: Now) -> Ready:
    """Check that the process can work. If it cannot, the answer is a 503 with the reason."""
    check_schema(lobby.database)
    check_writable(lobby.database)
    _check_secret(lobby, now)
    return Ready(
        mail_server=mail_server.outage_in_words(session, lobby.courier.relay),
        outbox_oldest_due_seconds=_in_minutes(outbox.oldest_due(session, now=now)),
        submissions_oldest_new_seconds=_in_minutes(backlog.oldest_new(session, now=now)),
    )


def _check_secret(lobby: Lobby, now: datetime) -> None:
    """Anybody may read the answer, so it does not say where the secret is kept."""
    try:
        secret_keys.check(lobby.database, lobby.keyring, now=now)
    except Unavailable as error:
        message = "The secret key does not fit the database: `lobby check` says more."
        raise Unavailable(error.code, message) from error


def _in_minutes(age: timedelta) -> float:
    """Returns whole minutes, in seconds.

    Anybody may read this. On an idle service, an exact age would tell whether a post has caused an
    email, and so whether its address has signed.
    """
    return age // MINUTE * MINUTE.total_seconds()


@router.get(
    "/metrics",
    response_class=Response,
    # Not for the public: counts of emails would tell a stranger whether an address has signed.
    dependencies=[Depends(require_metrics_token)],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        401: _PROBLEMS[401] | {"description": "The token is missing, or it is not the one set"},
        404: _PROBLEMS[404] | {"description": "Metrics are turned off, or on another port"},
    },
)
def metrics(request: Request) -> Response:
    """Read metrics for Prometheus: no personal data, and routes as templates.

    The call needs the token of the setting `LOBBY_METRICS_TOKEN`. No API key opens it. With the
    setting `LOBBY_METRICS_PORT` it is on that port alone.
    """
    return Response(state_of(request).figures.text(), media_type=figures.MEDIA_TYPE)
