"""What an integration with parsons does, call by call: ADDRESS, KEY, PETITION, CAMPAIGN.

Only the address is changed, as its user would.
"""

import json
import sys
import warnings
from typing import Any

from recording import told

warnings.simplefilter("ignore")

from parsons import ActionNetwork  # noqa: E402 - it warns when it is imported
from parsons.action_network import action_network  # noqa: E402

ADDRESS, KEY, PETITION, CAMPAIGN = sys.argv[1:]
action_network.API_URL = ADDRESS
client = ActionNetwork(api_token=KEY)


def rows(table: Any) -> list[dict[str, Any]]:
    """A table of theirs as a list."""
    return [dict(row) for row in table]


def id_of(thing: Any) -> str:
    """As the library takes it."""
    return str(thing["identifiers"][0].split(":")[1])


def link_to(person: Any) -> dict[str, Any]:
    """As its documentation writes it, with the host of Action Network."""
    href = f"https://actionnetwork.org/api/v2/people/{id_of(person)}"
    return {"_links": {"osdi:person": {"href": href}}}


told("get_petitions", lambda: rows(client.get_petitions()))
told("get_petition", lambda: client.get_petition(PETITION))
told(
    "update_petition",
    lambda: client.update_petition(
        PETITION, "Stop the sale", "Because.", "Stop the sale", "the Secretary of State"
    ),
)
told("create_petition", lambda: client.create_petition("T", "D", "P", [{"name": "N"}]))
told("create_petition (untitled)", lambda: client.create_petition("", "D", "P", "N"))

tag = told("add_tag", lambda: client.add_tag("volunteer"))
told("get_tags", lambda: rows(client.get_tags()))
told("get_tag", lambda: client.get_tag(id_of(tag)))

person = told(
    "upsert_person (new)",
    lambda: client.upsert_person(
        email_address="carla@example.org",
        given_name="Carla",
        family_name="Example",
        tags=["volunteer"],
        languages_spoken=["en"],
        postal_addresses=[{"address_lines": ["1 High Street"], "postal_code": "EH1 1YZ"}],
        mobile_number="07700 900123",
        shoe_size="42",
    ),
)
told("upsert_person (again)", lambda: client.upsert_person(email_address=["carla@example.org"]))
told(
    "upsert_person (unknown tag)",
    lambda: client.upsert_person(email_address="d@example.org", tags=["no such tag"]),
)
told(
    "update_person",
    lambda: client.update_person(id_of(person), given_name="Carlotta", background_processing=True),
)
told("get_person", lambda: client.get_person(id_of(person)))
told("get_people (limit)", lambda: rows(client.get_people(limit=30)))
told("get_people (page)", lambda: client.get_people(page=1000))
told(
    "get_people (filter)",
    lambda: rows(client.get_people(filter="email_address eq 'carla@example.org'")),
)
told("get_people (bad filter)", lambda: client.get_people(filter="shoe_size eq '42'"))

told("get_taggings", lambda: rows(client.get_taggings(id_of(tag))))
tagging = told("create_tagging", lambda: client.create_tagging(id_of(tag), link_to(person)))
told("get_tagging", lambda: client.get_tagging(id_of(tag), id_of(tagging)))
told("delete_tagging", lambda: client.delete_tagging(id_of(tag), id_of(tagging)))
told("get_taggings (none)", lambda: rows(client.get_taggings(id_of(tag))))

told(
    "create_signature (as documented)",
    lambda: client.create_signature(PETITION, {"comments": "Stop", **link_to(person)}),
)
signature = told(
    "post_request of a signature",
    lambda: client.api.post_request(
        url=f"petitions/{PETITION}/signatures",
        data=json.dumps({"comments": "Stop", **link_to(person)}),
    ),
)
told(
    "update_signature",
    lambda: client.update_signature(PETITION, id_of(signature), {"comments": "Stop & think"}),
)
told("get_petition_signatures", lambda: rows(client.get_petition_signatures(PETITION)))
told("get_petition_signature", lambda: client.get_petition_signature(PETITION, id_of(signature)))
told("get_person_signatures", lambda: rows(client.get_person_signatures(id_of(person))))
told(
    "get_person_signature",
    lambda: client.get_person_signature(id_of(person), id_of(signature)),
)

told("get_advocacy_campaigns", lambda: rows(client.get_advocacy_campaigns()))
told("get_advocacy_campaign", lambda: client.get_advocacy_campaign(CAMPAIGN))
outreaches = told(
    "get_advocacy_campaign_outreaches",
    lambda: rows(client.get_advocacy_campaign_outreaches(CAMPAIGN)),
)
told(
    "get_advocacy_campaign_outreach",
    lambda: client.get_advocacy_campaign_outreach(CAMPAIGN, id_of(outreaches[0])),
)
told(
    "get_person_outreaches",
    lambda: rows(client.get_person_outreaches(outreaches[0]["action_network:person_id"])),
)
told("get_events", lambda: rows(client.get_events()))
told("get_person (unknown)", lambda: client.get_person("d91b4b2e-ae0e-4cd3-9ed7-d0ec501b0bc3"))
