"""Makes the calls of an integration that uses the library parsons.

Arguments: ADDRESS, KEY, PETITION, CAMPAIGN.

The script changes the address of the library and nothing else, as a user of it would.
"""

import json
import sys
import warnings
from typing import Any

from recording import record_call

warnings.simplefilter("ignore")

from parsons import ActionNetwork  # noqa: E402 - the import gives a warning
from parsons.action_network import action_network  # noqa: E402 - see above

ADDRESS, KEY, PETITION, CAMPAIGN = sys.argv[1:]
action_network.API_URL = ADDRESS
client = ActionNetwork(api_token=KEY)


def rows(table: Any) -> list[dict[str, Any]]:
    """Returns a table of the library as a list."""
    return [dict(row) for row in table]


def id_of(thing: Any) -> str:
    """Returns the id in the form that the library takes."""
    return str(thing["identifiers"][0].split(":")[1])


def link_to(person: Any) -> dict[str, Any]:
    """Returns a link with the host of Action Network, as in the library's documentation."""
    href = f"https://actionnetwork.org/api/v2/people/{id_of(person)}"
    return {"_links": {"osdi:person": {"href": href}}}


record_call("get_petitions", lambda: rows(client.get_petitions()))
record_call("get_petition", lambda: client.get_petition(PETITION))
record_call(
    "update_petition",
    lambda: client.update_petition(
        PETITION, "Stop the sale", "Because.", "Stop the sale", "the Secretary of State"
    ),
)
record_call("create_petition", lambda: client.create_petition("T", "D", "P", [{"name": "N"}]))
record_call("create_petition (untitled)", lambda: client.create_petition("", "D", "P", "N"))

tag = record_call("add_tag", lambda: client.add_tag("volunteer"))
record_call("get_tags", lambda: rows(client.get_tags()))
record_call("get_tag", lambda: client.get_tag(id_of(tag)))

person = record_call(
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
record_call(
    "upsert_person (again)", lambda: client.upsert_person(email_address=["carla@example.org"])
)
record_call(
    "upsert_person (unknown tag)",
    lambda: client.upsert_person(email_address="d@example.org", tags=["no such tag"]),
)
record_call(
    "update_person",
    lambda: client.update_person(id_of(person), given_name="Carlotta", background_processing=True),
)
record_call("get_person", lambda: client.get_person(id_of(person)))
record_call("get_people (limit)", lambda: rows(client.get_people(limit=30)))
record_call("get_people (page)", lambda: client.get_people(page=1000))
record_call(
    "get_people (filter)",
    lambda: rows(client.get_people(filter="email_address eq 'carla@example.org'")),
)
record_call("get_people (bad filter)", lambda: client.get_people(filter="shoe_size eq '42'"))

record_call("get_taggings", lambda: rows(client.get_taggings(id_of(tag))))
tagging = record_call("create_tagging", lambda: client.create_tagging(id_of(tag), link_to(person)))
record_call("get_tagging", lambda: client.get_tagging(id_of(tag), id_of(tagging)))
record_call("delete_tagging", lambda: client.delete_tagging(id_of(tag), id_of(tagging)))
record_call("get_taggings (none)", lambda: rows(client.get_taggings(id_of(tag))))

record_call(
    "create_signature (as documented)",
    lambda: client.create_signature(PETITION, {"comments": "Stop", **link_to(person)}),
)
signature = record_call(
    "post_request of a signature",
    lambda: client.api.post_request(
        url=f"petitions/{PETITION}/signatures",
        data=json.dumps({"comments": "Stop", **link_to(person)}),
    ),
)
record_call(
    "update_signature (pending)",
    lambda: client.update_signature(PETITION, id_of(signature), {"comments": "Stop & think"}),
)
record_call(
    "get_petition_signature (pending)",
    lambda: client.get_petition_signature(PETITION, id_of(signature)),
)

record_call("get_advocacy_campaigns", lambda: rows(client.get_advocacy_campaigns()))
record_call("get_advocacy_campaign", lambda: client.get_advocacy_campaign(CAMPAIGN))
outreaches = record_call(
    "get_advocacy_campaign_outreaches",
    lambda: rows(client.get_advocacy_campaign_outreaches(CAMPAIGN)),
)
record_call(
    "get_advocacy_campaign_outreach",
    lambda: client.get_advocacy_campaign_outreach(CAMPAIGN, id_of(outreaches[0])),
)
record_call(
    "get_person_outreaches",
    lambda: rows(client.get_person_outreaches(outreaches[0]["action_network:person_id"])),
)
record_call("get_events", lambda: rows(client.get_events()))
record_call(
    "get_person (unknown)", lambda: client.get_person("d91b4b2e-ae0e-4cd3-9ed7-d0ec501b0bc3")
)
