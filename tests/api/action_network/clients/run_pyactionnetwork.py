"""Makes the calls of an integration that uses the library pyactionnetwork.

Arguments: ADDRESS, KEY.

The script changes the address of the library and nothing else, as a user of it would. One method
holds the address. The library takes all other addresses from the answer of the entry point.
"""

import sys

import requests
from pyactionnetwork import ActionNetworkApi
from recording import record_call

ADDRESS, KEY = sys.argv[1:]


class LocalApi(ActionNetworkApi):  # type: ignore[misc] # the library has no types
    """The library's client with the address of our server."""

    def refresh_config(self) -> None:
        """Reads the entry point as the library does, at our address."""
        self.config = requests.get(url=f"{ADDRESS}/", headers=self.headers, timeout=30).json()


client = LocalApi(KEY)
record_call("base_url", lambda: client.base_url)
record_call("get_resource people", lambda: client.get_resource("people"))
record_call("get_resource petitions", lambda: client.get_resource("petitions"))
record_call("get_resource tags", lambda: client.get_resource("tags"))
record_call("get_resource unicorns", lambda: client.get_resource("unicorns"))
person = record_call(
    "create_person",
    lambda: client.create_person(
        email="carla@example.org",
        given_name="Carla",
        family_name="Example",
        address=["1 High Street"],
        city="Edinburgh",
        country="GB",
        postal_code="EH1 1YZ",
    ),
)
person_id = person["identifiers"][0].split(":")[1]
record_call("create_person (no address)", lambda: client.create_person(given_name="Nobody"))
record_call("get_person by id", lambda: client.get_person(person_id=person_id))
record_call("get_person by email", lambda: client.get_person(search_string="carla@example.org"))
record_call(
    "get_person by email_address",
    lambda: client.get_person(search_by="email_address", search_string="nobody@example.org"),
)
record_call(
    "update_person", lambda: client.update_person(person_id=person_id, family_name="Changed")
)
record_call(
    "update_person (another address)",
    lambda: client.update_person(person_id=person_id, email="other@example.org"),
)
