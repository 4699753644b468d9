"""`lobby campaign` and `lobby petition`: what there is, and how far it is."""

from typing import Annotated, Any

import typer

from cli.examples import examples
from cli.output import opened, tell
from cli.tables import AsJson, show, show_json
from services.campaigns import campaigns
from services.organisations import organisations
from services.views import campaign_views
from services.views.campaign_views import CampaignView, PetitionView

campaign = typer.Typer(
    no_args_is_help=True,
    help="Campaigns of all organisations.",
    epilog=examples("lobby campaign list"),
)
petition = typer.Typer(
    no_args_is_help=True,
    help="Petitions of all campaigns.",
    epilog=examples("lobby petition list"),
)
CAMPAIGN_COLUMNS = (
    "slug",
    "status",
    "organisation",
    "petitions",
    "signatures",
    "motion",
    "motion id",
)
PETITION_COLUMNS = ("slug", "state", "campaign", "signatures", "goal")

OfOrganisation = Annotated[
    str | None, typer.Option("--organisation", help="Only those of this organisation, by its slug.")
]


@campaign.command(
    "list",
    epilog=examples(
        "lobby campaign list",
        "lobby campaign list --organisation our-union --json",
    ),
)
def list_campaigns(organisation: OfOrganisation = None, as_json: AsJson = False) -> None:
    """List campaigns, drafts too, the newest first.

    A line has the slug, status, organisation, number of petitions, confirmed signatures, and the
    current motion with Parliament's id of it.
    """
    views = _views(organisation)
    if as_json:
        show_json([_campaign_json(view) for view in views])
        return
    show(CAMPAIGN_COLUMNS, map(_campaign_cells, views))
    tell(f"Campaigns: {len(views)}.")


@petition.command(
    "list",
    epilog=examples(
        "lobby petition list",
        "lobby petition list --organisation our-union --json",
    ),
)
def list_petitions(organisation: OfOrganisation = None, as_json: AsJson = False) -> None:
    """List petitions, drafts too, by campaign.

    A line has the slug, state, campaign, confirmed signatures and the goal that its page shows.
    """
    views = [view for campaign_view in _views(organisation) for view in campaign_view.petitions]
    if as_json:
        show_json([_petition_json(view) for view in views])
        return
    show(PETITION_COLUMNS, map(_petition_cells, views))
    tell(f"Petitions: {len(views)}.")


def _views(organisation: str | None) -> list[CampaignView]:
    with opened() as lobby, lobby.database.read() as session:
        owner = organisations.by_slug(session, organisation) if organisation else None
        rows = campaigns.of_organisation(session, owner.id) if owner else campaigns.every(session)
        return campaign_views.of_campaigns(session, rows, now=lobby.clock())


def _campaign_cells(view: CampaignView) -> tuple[str, ...]:
    motion = view.motion
    return (
        view.campaign.slug,
        view.campaign.status,
        view.organisation.slug,
        str(len(view.petitions)),
        str(view.signatures),
        f"EDM {motion.number}" if motion else "",
        str(motion.id) if motion else "",
    )


def _campaign_json(view: CampaignView) -> dict[str, Any]:
    motion = view.motion
    return {
        "slug": view.campaign.slug,
        "title": view.campaign.title,
        "status": view.campaign.status,
        "organisation": view.organisation.slug,
        "petitions": [item.petition.slug for item in view.petitions],
        "signatures": view.signatures,
        "letters_sent": view.letters_sent,
        "motion": motion and {"id": motion.id, "number": motion.number, "title": motion.title},
    }


def _petition_cells(view: PetitionView) -> tuple[str, ...]:
    row = view.petition
    return row.slug, row.state, view.campaign_slug, str(view.signature_count), str(view.goal)


def _petition_json(view: PetitionView) -> dict[str, Any]:
    return {
        "slug": view.petition.slug,
        "action": view.petition.action,
        "state": view.petition.state,
        "is_open": view.is_open,
        "campaign": view.campaign_slug,
        "signatures": view.signature_count,
        "goal": view.goal,
    }
