"""All routes of the JSON API."""

from api.formats import campaign_feeds, oembed, parliament_petitions
from api.http.late_routes import LateRoute, gathered
from api.http.problem import problems
from api.v1 import (
    api_keys,
    bulk,
    campaign_motions,
    campaigns,
    constituencies,
    events,
    exports,
    health,
    histories,
    members,
    motions,
    partners,
    petitions,
    postcodes,
    preferences,
    replies,
    signatures,
    tallies,
    tally_events,
    targets,
    updates,
)
from api.v1.identity import organisations, pictures
from api.v1.letters import letter_answers, letter_queue, letter_variants, letters
from api.v1.webhooks import rest_hooks, webhook_deliveries, webhooks

_NOUNS = (
    campaigns,
    campaign_motions,
    updates,
    events,
    petitions,
    signatures,
    bulk,
    exports,
    letters,
    letter_answers,
    letter_variants,
    letter_queue,
    motions,
    tallies,
    histories,
    tally_events,
    targets,
    constituencies,
    members,
    replies,
    preferences,
    postcodes,
    webhooks,
    webhook_deliveries,
    rest_hooks,
    campaign_feeds,
    partners,
    api_keys,
    organisations,
    pictures,
)
_ELSEWHERE = (health, oembed, parliament_petitions)


def calls() -> list[LateRoute]:
    """Returns the routes of all calls, with the problems that they answer."""
    shared = problems()
    return gathered(_NOUNS, "/v1", responses=shared) + gathered(_ELSEWHERE, responses=shared)
