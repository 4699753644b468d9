"""What an integration with the library pyactionnetwork does, call by call: ADDRESS, KEY.

Only the address is changed, as its user would: it stands in one method, and all else follows from
what the entry point answers.
"""

import sys

import requests
from pyactionnetwork import ActionNetworkApi
from recording import told

ADDRESS, KEY = sys.argv[1:]


class Moved(ActionNetworkApi):  # type: ignore[misc] # it has no types
    """At another address."""

    def refresh_config(self) -> None:
        """As it is in the library, but for the address."""
        self.config = requests.get(url=f"{ADDRESS}/", headers=self.headers, timeout=30).json()


client = Moved(KEY)
told("base_url", lambda: client.base_url)
told("get_resource people", lambda: client.get_resource("people"))
told("get_resource petitions", lambda: client.get_resource("petitions"))
told("get_resource tags", lambda: client.get_resource("tags"))
told("get_resource unicorns", lambda: client.get_resource("unicorns"))
person = told(
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
told("create_person (no address)", lambda: client.create_person(given_name="Nobody"))
told("get_person by id", lambda: client.get_person(person_id=person_id))
told("get_person by email", lambda: client.get_person(search_string="carla@example.org"))
told(
    "get_person by email_address",
    lambda: client.get_person(search_by="email_address", search_string="nobody@example.org"),
)
told("update_person", lambda: client.update_person(person_id=person_id, family_name="Changed"))
told(
    "update_person (another address)",
    lambda: client.update_person(person_id=person_id, email="other@example.org"),
)
