"""A whole run with the library osdi. Arguments: those of `whole_run`.

The library takes the server's address. It has methods for people, tags and taggings; everything
else goes through its own `get_model_raw` and requests, which follow its pages.
"""

from typing import Any

from osdi.action_network.person import ANPerson
from osdi.action_network.service import ActionNetworkService
from recording import record_call
from whole_run import ADDRESS, KEY, MORE, OTHERS, PEOPLE, PHASE, email_of, id_of, ids_of, signature

service = ActionNetworkService(ADDRESS, KEY)


def make() -> dict[str, str]:
    """Makes everything, and changes some of it."""
    tags = [service._post_request("tags", {"name": f"tag {n}"}) for n in range(OTHERS)]
    known = ActionNetworkService(ADDRESS, KEY)  # reads the tags when it is made
    for number in range(PEOPLE):
        found = known.create_person("Anna", f"Number{number}", email_of(number), model=ANPerson)
        found.update_tag("tag 1", True)
        found.update()
    first = known.find_person(email=email_of(0), model=ANPerson)
    first.update_tag("tag 1", False)
    first.update_field("shoe_size", "42")
    first.update()
    petitions = [
        service._post_request("petitions", {"title": f"Save it {number}"})
        for number in range(OTHERS)
    ]
    petition = id_of(petitions[0])
    service._put_request(f"petitions/{petition}", {"title": "Save it now"})
    for number in range(OTHERS):
        service._post_request("advocacy_campaigns", {"title": f"Write {number}"})
    for number in range(PEOPLE):
        service._post_request(f"petitions/{petition}/signatures", signature(number))
    return {"petition": petition, "tag": id_of(tags[1])}


def read(petition: str, tag: str, since: str) -> dict[str, Any]:
    """Reads every list to its end, and what was changed since a time."""

    def listed(path: str, kind: str, **query: str) -> list[str]:
        return ids_of(service.get_model_raw(path, f"osdi:{kind}", params=query or None))

    changed = f"modified_date ge '{since}'"
    signatures = f"petitions/{petition}/signatures"
    return {
        "people": listed("people", "people"),
        "people since": listed("people", "people", filter=changed),
        "petitions": listed("petitions", "petitions"),
        "petitions since": listed("petitions", "petitions", filter=changed),
        "campaigns": listed("advocacy_campaigns", "advocacy_campaigns"),
        "tags": list(service.tags),
        "signatures": listed(signatures, "signatures"),
        "signatures since": listed(signatures, "signatures", filter=changed),
        "taggings": listed(f"tags/{tag}/taggings", "taggings"),
    }


record_call(PHASE, make if PHASE == "make" else lambda: read(*MORE))
