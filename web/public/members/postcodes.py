"""Finds the constituency of a postcode that somebody typed into a form.

A postcode is personal data, so it is only ever posted: addresses are kept in histories and logs.
"""

from models.postcode import PostcodeStatus
from services.assembly import Lobby
from services.errors import Invalid
from services.postcodes import directory
from web.base.forms import Form

_NO_SEAT = "We couldn’t find a constituency for that postcode. Check it and try again."
_UNKNOWN = "We can’t find that postcode. Check it and try again."
_ELSEWHERE = "Jersey, Guernsey and the Isle of Man have no MPs in the UK Parliament."


def constituency_code(form: Form, lobby: Lobby) -> str:
    """Returns the GSS code for the field `postcode`. Raises Invalid, in words for people."""
    normal = form.check("postcode", directory.normalise, missing="Enter your postcode.")
    form.finish()
    answer = lobby.postcodes.lookup(normal)
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", _ELSEWHERE)
    if answer.constituency_code is None:
        is_known = answer.status is not PostcodeStatus.UNKNOWN
        raise Invalid.field("postcode", "postcode_unknown", _NO_SEAT if is_known else _UNKNOWN)
    return answer.constituency_code
