"""Health checks and metrics."""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby, require_metrics_token
from api.http.problem import problems
from services.database.engine import check_schema, check_writable
from services.mail import outbox
from services.operations import figures
from services.submissions import backlog

router = APIRouter(tags=["health"])
_PROBLEMS = problems()
MINUTE = timedelta(minutes=1)


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The database can be written to and has this program's schema. Ages in whole minutes."""

    status: str = "ok"
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
    return Ready(
        outbox_oldest_due_seconds=_in_minutes(outbox.oldest_due(session, now=now)),
        submissions_oldest_new_seconds=_in_minutes(backlog.oldest_new(session, now=now)),
    )


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
