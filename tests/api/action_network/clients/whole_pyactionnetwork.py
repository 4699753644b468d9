"""A whole run with the library pyactionnetwork. Arguments: those of `whole_run`.

The library adds, changes and finds people, and reads the first page of a list. Everything else is
done as its users do it: with requests, the library's headers, and the links of the answers.
"""

from typing import Any

import requests
from pyactionnetwork import ActionNetworkApi
from recording import record_call
from whole_run import ADDRESS, KEY, MORE, OTHERS, PEOPLE, PHASE, email_of, id_of, ids_of, signature


class LocalApi(ActionNetworkApi):  # type: ignore[misc] # the library has no types
    """The library's client with the address of our server."""

    def refresh_config(self) -> None:
        """Reads the entry point as the library does, at our address."""
        self.config = requests.get(url=f"{ADDRESS}/", headers=self.headers, timeout=30).json()


client = LocalApi(KEY)


def sent(method: str, url: str, body: dict[str, Any]) -> Any:
    answer = requests.request(method, url, json=body, headers=client.headers, timeout=30)
    answer.raise_for_status()
    return answer.json()


def make() -> dict[str, str]:
    """Makes everything, and changes some of it."""
    tags_url, petitions_url = map(client.resource_to_url, ("tags", "petitions"))
    tags = [sent("POST", tags_url, {"name": f"tag {number}"}) for number in range(OTHERS)]
    for number in range(PEOPLE):
        named = {} if number % 3 == 2 else {"given_name": "Anna", "postal_code": "EH1 1YZ"}
        made = client.create_person(email=email_of(number), tags=["tag 1", "no such tag"], **named)
        assert "error" not in made, made
    found = client.get_person(search_string=email_of(0))["_embedded"]["osdi:people"]
    assert "error" not in client.update_person(person_id=id_of(found[0]), family_name="Changed")
    petitions = [
        sent("POST", petitions_url, {"title": f"Save it {number}"}) for number in range(OTHERS)
    ]
    links = petitions[0]["_links"]
    sent("PUT", links["self"]["href"], {"title": "Save it now"})
    for number in range(OTHERS):
        sent("POST", client.resource_to_url("advocacy_campaigns"), {"title": f"Write {number}"})
    for number in range(PEOPLE):
        sent("POST", links["osdi:record_signature_helper"]["href"], signature(number))
    return {"petition": id_of(petitions[0]), "tag": id_of(tags[1])}


def read(petition: str, tag: str, since: str) -> dict[str, Any]:
    """Reads every list to its end, and what was changed since a time."""

    def listed(page: Any, kind: str) -> list[str]:
        ids = ids_of(page["_embedded"][f"osdi:{kind}"])
        while "next" in page["_links"]:
            page = sent("GET", page["_links"]["next"]["href"], {})
            ids += ids_of(page["_embedded"][f"osdi:{kind}"])
        return ids

    def since_then(path: str, kind: str) -> list[str]:
        url = f"{client.base_url}{path}?filter=modified_date ge '{since}'"
        return listed(sent("GET", url, {}), kind)

    signatures = f"petitions/{petition}/signatures"
    return {
        "people": listed(client.get_resource("people"), "people"),
        "people since": since_then("people", "people"),
        "petitions": listed(client.get_resource("petitions"), "petitions"),
        "petitions since": since_then("petitions", "petitions"),
        "campaigns": listed(client.get_resource("advocacy_campaigns"), "advocacy_campaigns"),
        "tags": listed(client.get_resource("tags"), "tags"),
        "signatures": listed(sent("GET", f"{client.base_url}{signatures}", {}), "signatures"),
        "signatures since": since_then(signatures, "signatures"),
        "taggings": listed(sent("GET", f"{client.base_url}tags/{tag}/taggings", {}), "taggings"),
    }


record_call(PHASE, make if PHASE == "make" else lambda: read(*MORE))
