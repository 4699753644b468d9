"""A whole run with the library parsons. Arguments: those of `whole_run`."""

import json
import warnings
from typing import Any

from recording import record_call
from whole_run import ADDRESS, KEY, MORE, OTHERS, PEOPLE, PHASE, email_of, id_of, ids_of, signature

warnings.simplefilter("ignore")

from parsons import ActionNetwork  # noqa: E402 - the import gives a warning
from parsons.action_network import action_network  # noqa: E402 - see above

action_network.API_URL = ADDRESS
client = ActionNetwork(api_token=KEY)


def rows(table: Any) -> list[Any]:
    """Returns a table of the library as a list."""
    return list(table.to_dicts())


def posted(url: str, body: dict[str, Any]) -> Any:
    """Posts what the library has no method for, with its own connector."""
    return client.api.post_request(url=url, data=json.dumps(body))


def make() -> dict[str, str]:
    """Makes everything, and changes some of it."""
    tags = [client.add_tag(f"tag {number}") for number in range(OTHERS)]
    people = []
    for number in range(PEOPLE):
        named = {} if number % 3 == 2 else {"given_name": "Anna", "family_name": "Example"}
        people.append(client.upsert_person(email_address=email_of(number), **named))
    for known in people:
        link = {"osdi:person": {"href": f"https://actionnetwork.org/api/v2/people/{id_of(known)}"}}
        client.create_tagging(id_of(tags[1]), {"_links": link})
    client.update_person(id_of(people[0]), given_name="Berta")
    petitions = [
        client.create_petition(f"Save it {number}", "Why", "Save it", [{"name": "Council"}])
        for number in range(OTHERS)
    ]
    petition = id_of(petitions[0])
    client.update_petition(petition, "Save it now", "Why", "Save it", "the Mayor")
    for number in range(OTHERS):
        posted("advocacy_campaigns", {"title": f"Write {number}", "origin_system": "parsons"})
    for number in range(PEOPLE):
        posted(f"petitions/{petition}/signatures", signature(number))
    return {"petition": petition, "tag": id_of(tags[1])}


def read(petition: str, tag: str, since: str) -> dict[str, Any]:
    """Reads every list to its end, and what was changed since a time."""
    changed = {"filter": f"modified_date ge '{since}'"}
    return {
        "people": ids_of(rows(client.get_people())),
        "people since": ids_of(rows(client.get_people(**changed))),
        "petitions": ids_of(rows(client.get_petitions())),
        "petitions since": ids_of(rows(client.get_petitions(**changed))),
        "campaigns": ids_of(rows(client.get_advocacy_campaigns())),
        "tags": ids_of(rows(client.get_tags())),
        "signatures": ids_of(rows(client.get_petition_signatures(petition))),
        "signatures since": ids_of(rows(client.get_petition_signatures(petition, **changed))),
        "taggings": ids_of(rows(client.get_taggings(tag))),
    }


record_call(PHASE, make if PHASE == "make" else lambda: read(*MORE))
