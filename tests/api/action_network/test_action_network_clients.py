"""Runs published clients of the Action Network API against a real server of ours."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlmodel import func, select

import worker
from models import Letter, Signature, Submission
from services.assembly import Lobby
from tests.support.action_network import (
    EVERYTHING,
    TOKEN,
    campaign_id,
    id_of,
    petition_id,
    run_client,
    served,
    token_for,
)
from tests.support.common import CAN_SIGN, SIGNED
from tests.support.signatures import confirm

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def test_parsons_works_with_another_address_and_key(lobby: Lobby, unused_port: int) -> None:
    key = token_for(lobby, *EVERYTHING)[TOKEN]
    with lobby.database.read() as session:
        signatures = session.exec(select(func.count()).select_from(Signature)).one()
        letters = session.exec(select(func.count()).select_from(Letter)).one()
    with served(lobby, unused_port) as address:
        calls = run_client("run_parsons.py", address, key, petition_id(lobby), campaign_id(lobby))
        signed = calls["post_request of a signature"]["answer"]
        confirm(lobby, UUID(signed["identifiers"][1].partition(":")[2]))
        ids = (signed["action_network:person_id"], id_of(signed))
        later = run_client("run_parsons_signatures.py", address, key, petition_id(lobby), *ids)
    calls |= later
    refused = {name: call["error"] for name, call in calls.items() if call["error"]}
    assert set(refused) == {
        "create_petition (untitled)",
        "get_people (bad filter)",
        "create_signature (as documented)",
        "update_signature (pending)",
        "get_person (unknown)",
    }
    assert "title: " in refused["create_petition (untitled)"]
    assert "not supported" in refused["get_people (bad filter)"]
    # The library sends its data in the URL and omits the link. No server can find the person.
    assert "The body is empty" in refused["create_signature (as documented)"]
    assert "404" in refused["get_person (unknown)"]

    def answer(name: str) -> Any:
        return calls[name]["answer"]

    assert answer("update_petition")["title"] == "Stop the sale"
    assert answer("update_petition")["target"] == [{"name": "the Secretary of State"}]
    made = answer("create_petition")
    assert (made["title"], made["description"], made["target"]) == ("T", "D", [{"name": "N"}])
    assert made["central_lobby:state"] == "open"
    assert [tag["name"] for tag in answer("get_tags")] == ["volunteer"]
    new, again = answer("upsert_person (new)"), answer("upsert_person (again)")
    assert new["created_date"] == new["modified_date"], "the library takes it for a new one so"
    assert new["identifiers"] == again["identifiers"]
    changed = answer("get_person")
    assert (changed["given_name"], changed["family_name"]) == ("Carlotta", "Example")
    assert changed["postal_addresses"][0]["postal_code"] == CAN_SIGN
    assert answer("upsert_person (unknown tag)")["email_addresses"][0]["address"] == "d@example.org"
    assert len(answer("get_people (limit)")) == 30
    assert answer("get_people (page)")["_embedded"] == {"osdi:people": []}
    assert answer("get_people (filter)") == [changed]
    assert len(answer("get_taggings")) == 1
    assert answer("create_tagging")["identifiers"] == answer("get_taggings")[0]["identifiers"]
    assert "deleted" in answer("delete_tagging")["notice"]
    assert answer("get_taggings (none)") == []
    assert signed["central_lobby:state"] == "pending"
    assert answer("get_petition_signature (pending)") == signed
    assert "not confirmed yet" in refused["update_signature (pending)"]
    assert answer("update_signature")["comments"] == "Stop & think"
    assert len(answer("get_petition_signatures")) > signatures * 0.9, "some have ended"
    assert answer("get_person_signatures") == [answer("get_person_signature")]
    assert answer("get_petition_signature") == answer("get_person_signature")
    assert id_of(answer("get_petition_signature")) == id_of(signed)
    assert len(answer("get_advocacy_campaign_outreaches")) == letters > 0
    outreach = answer("get_advocacy_campaign_outreach")
    assert outreach in answer("get_person_outreaches")
    assert outreach["message"]
    assert answer("get_events") == []


def test_pyactionnetwork_works_with_another_address_and_key(lobby: Lobby, unused_port: int) -> None:
    key = token_for(lobby, *EVERYTHING)[TOKEN]
    with served(lobby, unused_port) as address:
        calls = run_client("run_pyactionnetwork.py", address, key)
    assert calls["base_url"]["answer"] == f"{address}/"
    for name in ("people", "petitions"):
        assert calls[f"get_resource {name}"]["answer"]["_embedded"][f"osdi:{name}"]
    assert calls["get_resource tags"]["answer"]["_embedded"] == {"osdi:tags": []}
    assert calls["get_resource unicorns"]["error"].startswith("KeyError")
    person = calls["create_person"]["answer"]
    assert (person["given_name"], person["family_name"]) == ("Carla", "Example")
    assert "email_addresses" in calls["create_person (no address)"]["answer"]["error"]
    assert calls["get_person by id"]["answer"] == person
    assert calls["get_person by email"]["answer"]["_embedded"]["osdi:people"] == [person]
    assert calls["get_person by email_address"]["answer"]["_embedded"]["osdi:people"] == []
    assert calls["update_person"]["answer"]["family_name"] == "Changed"
    assert calls["update_person"]["answer"]["given_name"] == "Carla"
    refused = calls["update_person (another address)"]["answer"]["error"]
    assert refused.startswith("email_addresses: An address cannot be changed here")


class N8n:
    """Sends requests and reads answers as the Action Network node of n8n 2.41 does."""

    def __init__(self, address: str, key: str) -> None:
        headers = {TOKEN: key, "Accept": "application/json", "User-Agent": "n8n"}
        self.http = httpx2.Client(base_url=address, headers=headers | {"Connection": "close"})

    def request(
        self, method: str, path: str, body: Json | None = None, query: Json | None = None
    ) -> Any:
        """Sends JSON and returns JSON."""
        answer = self.http.request(method, path, json=body, params=query)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Json | None = None) -> tuple[int, str]:
        """Returns the status and the message that n8n shows its user."""
        answer = self.http.request(method, path, json=body)
        return answer.status_code, answer.json()["error"]

    def listing(self, path: str) -> list[Json]:
        """Returns the items of all pages. The link to the next page gives its number."""
        kind = path.rpartition("/")[2] if path.count("/") > 1 else path.strip("/")
        query: Json = {"perPage": 25, "page": 1}
        items: list[Json] = []
        while True:
            page = self.request("GET", path, query=query)
            items += page["_embedded"][f"osdi:{kind}"]
            following = page["_links"].get("next", {}).get("href")
            if not following:
                return items
            query["page"] = httpx2.URL(following).params["page"]


def simple_person(person: Json) -> Json:
    """Returns what the node shows of a person. The node reads primary entries only."""

    def primary(kind: str) -> Any:
        return next(entry for entry in person[kind] if entry["primary"])

    return {
        "id": person["_links"]["self"]["href"].split("/")[-1],
        "email_address": primary("email_addresses")["address"],
        "phone_number": primary("phone_numbers")["number"],
        "postal_address": primary("postal_addresses")["address_lines"],
        "language_spoken": person["languages_spoken"][0],
    }


def node_id(item: Json) -> str:
    return str(item["_links"]["self"]["href"].split("/")[-1])


def email(address: str) -> list[Json]:
    return [{"address": address, "primary": True, "status": "subscribed"}]


def link_to_person(person_id: str) -> Json:
    """Returns a link with the host of Action Network, which the node's code contains."""
    href = f"https://actionnetwork.org/api/v2/people/{person_id}"
    return {"_links": {"osdi:person": {"href": href}}}


CARLA: Json = {
    "person": {
        "email_addresses": email("carla@example.org"),
        "family_name": "Example",
        "given_name": "Carla",
        "languages_spoken": ["en"],
        "phone_numbers": [{"number": "447700900123", "primary": True, "status": "subscribed"}],
        "postal_addresses": [
            {
                "primary": True,
                "locality": "Edinburgh",
                "region": "",
                "postal_code": CAN_SIGN,
                "country": "GB",
                "language": "en",
                "address_lines": ["1 High St"],
                "location": {"latitude": "55.95", "longitude": "-3.18"},
            }
        ],
    }
}
DORA: Json = {"person": {"email_addresses": email("dora@example.org")}}
BARE: Json = {"origin_system": "n8n", "title": "Save the library"}
WHOLE: Json = BARE | {
    "browser_url": "https://example.org/p",
    "featured_image_url": "https://example.org/p.png",
    "name": "internal",
    "petition_text": "Dear Council, please save it.",
    "target": [{"name": "Council"}, {"name": " Mayor"}],
}


@pytest.fixture
def node(lobby: Lobby, unused_port: int) -> Iterator[N8n]:
    key = token_for(lobby, *EVERYTHING)[TOKEN]
    with served(lobby, unused_port) as address:
        n8n = N8n(address, key)
        yield n8n
        n8n.http.close()


def test_n8n_finds_out_whether_a_key_is_good(node: N8n) -> None:
    assert node.http.get("/events?per_page=1").status_code == 200
    assert node.http.get("/events?per_page=1", headers={TOKEN: "bad"}).status_code == 403


def test_n8n_works_with_people(node: N8n) -> None:
    person_id = simple_person(node.request("POST", "/people", CARLA))["id"]
    person = node.request("GET", f"/people/{person_id}")
    assert simple_person(person)["email_address"] == "carla@example.org"
    people = node.listing("/people")
    assert person_id in [simple_person(listed)["id"] for listed in people]
    assert len(people) > 25
    elsewhere = {"locality": "", "region": "", "postal_code": SIGNED, "country": "GB"}
    moved = {"primary": True, **elsewhere, "language": ""}
    change = {"family_name": "Changed", "postal_addresses": [moved]}
    changed = node.request("PUT", f"/people/{person_id}", change)
    assert (changed["given_name"], changed["family_name"]) == ("Carla", "Changed")
    assert changed["postal_addresses"][0]["postal_code"] == SIGNED


def test_n8n_works_with_petitions(node: N8n, lobby: Lobby) -> None:
    whole = node.request("POST", "/petitions", WHOLE)
    assert (whole["title"], whole["description"]) == (WHOLE["title"], WHOLE["petition_text"])
    assert whole["target"] == [{"name": "Council, Mayor"}]
    bare = node.request("POST", "/petitions", BARE)
    listed = node.listing("/petitions")
    made = [node_id(whole), node_id(bare)]
    assert [node_id(petition) for petition in listed] == [petition_id(lobby), *made]
    for petition in listed:
        assert simple_person(petition["_embedded"]["osdi:creator"])["email_address"]
    change = {"petition_text": "Dear Mayor, please.", "target": [{"name": "Mayor"}]}
    shown = node.request("PUT", f"/petitions/{node_id(whole)}", change)
    assert {"petition_text": shown["description"], "target": shown["target"]} == change
    assert node.request("GET", f"/petitions/{node_id(whole)}") == shown


def test_n8n_works_with_signatures(node: N8n, lobby: Lobby) -> None:
    person_id, nobody_id = (
        node_id(node.request("POST", "/people", person)) for person in (CARLA, DORA)
    )
    path = f"/petitions/{petition_id(lobby)}/signatures"
    signed = node.request("POST", path, link_to_person(person_id) | {"comments": "Please"})
    assert signed["action_network:person_id"] == person_id
    assert node.request("GET", f"{path}/{node_id(signed)}") == signed
    (submission_id,) = sort(lobby)
    assert signed in node.listing(path)
    status, words = node.refused("PUT", f"{path}/{node_id(signed)}", {"comments": "Thanks"})
    assert (status, "not confirmed yet" in words) == (409, True)
    confirm(lobby, submission_id)
    changed = node.request("PUT", f"{path}/{node_id(signed)}", {"comments": "Thanks"})
    assert changed["comments"] == "Thanks"
    assert node_id(node.request("POST", path, link_to_person(person_id))) == node_id(signed)
    nameless = node.request("POST", path, link_to_person(nobody_id))
    assert nameless["central_lobby:constituency"] == "unknown"
    made = f"/petitions/{node_id(node.request('POST', '/petitions', BARE))}/signatures"
    assert node.request("POST", made, link_to_person(person_id))["central_lobby:state"] == "pending"


def sort(lobby: Lobby) -> list[UUID]:
    """Sorts what was submitted; returns the ids of all submissions."""
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        return list(session.exec(select(Submission.id)))


def test_n8n_works_with_tags(node: N8n) -> None:
    person_id = node_id(node.request("POST", "/people", CARLA))
    tag = node_id(node.request("POST", "/tags", {"name": "volunteer"}))
    assert [tag_row["name"] for tag_row in node.listing("/tags")] == ["volunteer"]
    assert node.request("GET", f"/tags/{tag}")["name"] == "volunteer"
    tagged = node.request("POST", f"/tags/{tag}/taggings", link_to_person(person_id))
    taggings = node.listing(f"/tags/{tag}/taggings")
    assert [node_id(tagging) for tagging in taggings] == [node_id(tagged)]
    removed = node.request("DELETE", f"/tags/{tag}/taggings/{node_id(tagged)}")
    assert "deleted" in removed["notice"]
    assert node.listing(f"/tags/{tag}/taggings") == []


def test_n8n_is_told_that_there_are_no_events(node: N8n, lobby: Lobby) -> None:
    assert node.listing("/events") == []
    event = {"origin_system": "n8n", "title": "Meeting", "start_date": "2026-12-01T10:00:00"}
    assert node.refused("POST", "/events", event)[0] == 405
    none = f"/events/{petition_id(lobby)}"
    for method, path in (("GET", ""), ("GET", "/attendances"), ("POST", "/attendances")):
        assert node.refused(method, f"{none}{path}")[0] == 404
