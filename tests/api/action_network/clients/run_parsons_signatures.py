"""Reads and changes a confirmed signature with the library parsons.

Arguments: ADDRESS, KEY, PETITION, PERSON, SIGNATURE. The last two are ids as the library has them.
"""

import sys
import warnings

from recording import record_call

warnings.simplefilter("ignore")

from parsons import ActionNetwork  # noqa: E402 - the import gives a warning
from parsons.action_network import action_network  # noqa: E402 - see above

ADDRESS, KEY, PETITION, PERSON, SIGNATURE = sys.argv[1:]
action_network.API_URL = ADDRESS
client = ActionNetwork(api_token=KEY)

record_call(
    "update_signature",
    lambda: client.update_signature(PETITION, SIGNATURE, {"comments": "Stop & think"}),
)
record_call(
    "get_petition_signatures",
    lambda: [dict(row) for row in client.get_petition_signatures(PETITION)],
)
record_call("get_petition_signature", lambda: client.get_petition_signature(PETITION, SIGNATURE))
record_call(
    "get_person_signatures", lambda: [dict(row) for row in client.get_person_signatures(PERSON)]
)
record_call("get_person_signature", lambda: client.get_person_signature(PERSON, SIGNATURE))
