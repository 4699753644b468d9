"""`lobby campaign` and `lobby petition`: what there is, how far it is, and how it looks."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import files
from cli.examples import examples
from cli.output import opened, tell
from cli.tables import AsJson, show, show_json
from services.campaigns import campaign_texts, campaigns
from services.common import texts
from services.errors import Invalid
from services.organisations import organisations
from services.pictures import cutting, pictures
from services.views import campaign_views
from services.views.campaign_views import CampaignView, PetitionView

campaign = typer.Typer(
    no_args_is_help=True,
    help="Campaigns of all organisations.",
    epilog=examples(
        "lobby campaign list",
        "lobby campaign change save-the-library --purpose 'keep the library open'",
    ),
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


@campaign.command(
    "change",
    epilog=examples(
        "lobby campaign change save-the-library --picture library.jpg \\",
        "    --alt 'Children reading in a library' --credit 'Photo: Anna Example'",
        "lobby campaign change save-the-library \\",
        "    --purpose 'keep the library open on Saturdays'",
        "lobby campaign change save-the-library --outcome 'The library stays.' \\",
        "    --outcome-on 2026-11-02",
    ),
)
def change_campaign(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its name in URLs.")],
    hero_line: Annotated[
        str | None, typer.Option(help="The line below the title of its page.")
    ] = None,
    purpose: Annotated[
        str | None,
        typer.Option(help="What its motion asks for, after 'which asks the government to'."),
    ] = None,
    purpose_welsh: Annotated[str | None, typer.Option(help="The same in Welsh.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="How it ended. An empty text removes the day too.")
    ] = None,
    outcome_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="The day of that: YYYY-MM-DD.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(resolve_path=True, help="Its picture: a PNG, JPEG or WebP file."),
    ] = None,
    alt: Annotated[
        str, typer.Option(help="What the picture shows, for people who don't see it.")
    ] = "",
    credit: Annotated[str, typer.Option(help="Who made the picture.")] = "",
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Remove its picture.")] = False,
) -> None:
    """Change how the page of a campaign looks, and say how it ended.

    An empty text removes one. A picture replaces an earlier one.
    """
    given = {
        "hero_line": hero_line,
        "purpose": purpose,
        "purpose_welsh": purpose_welsh,
        "outcome": outcome,
        "outcome_on": outcome_on,
    }
    values = _checked({name: text for name, text in given.items() if text is not None})
    if picture is not None and no_picture:
        raise Invalid("picture_unclear", "Give either --picture or --no-picture.")
    if picture is None and (alt or credit):
        raise Invalid("picture_missing", "--alt and --credit belong to a --picture: give it too.")
    if not values and picture is None and not no_picture:
        raise Invalid("nothing_to_change", "Say what to change: --help lists the options.")
    alt = pictures.checked_alt(alt) if picture is not None else ""
    cut = cutting.picture(files.picture(picture)) if picture is not None else None
    with opened() as lobby, lobby.database.write() as session:
        row, now = campaigns.by_slug(session, slug), lobby.clock()
        campaigns.update(session, row, values=values, now=now)
        if cut is not None:
            pictures.keep_for_campaign(session, row, cut, alt=alt, credit=credit, now=now)
        if no_picture:
            pictures.remove_from_campaign(session, row, now=now)
    tell(f"Changed: {slug}.")


def _checked(given: dict[str, str]) -> dict[str, Any]:
    """Returns the values to store. Raises Invalid with all problems."""
    checks: dict[str, Callable[[str], Any]] = {
        "hero_line": campaign_texts.hero_line,
        "purpose": campaign_texts.purpose,
        "purpose_welsh": campaign_texts.purpose_welsh,
        "outcome": campaign_texts.outcome,
        "outcome_on": lambda text: texts.day(text, "outcome_on") if text else None,
    }
    values, problems = {}, []
    for name, text in given.items():
        try:
            values[name] = checks[name](text)
        except Invalid as error:
            problems.append(error)
    if problems:
        raise problems[0] if len(problems) == 1 else texts.combined(problems)
    if values.get("outcome") == "":
        values.setdefault("outcome_on", None)
    return values


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
