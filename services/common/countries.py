"""Codes of countries, by one rule for every way in (ISO 3166-1 alpha-2)."""

from services.errors import Invalid

_ASSIGNED = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
HOME = "GB"
"""The United Kingdom, with Northern Ireland. Guernsey, Jersey and the Isle of Man are abroad."""

ABROAD = "ZZ"
"""What the service itself stores for people who only said that they live outside the UK.

ISO 3166-1 leaves it to its users, so it stands for no country. Nobody can send it; only an import
from a file takes it, since exports have it.
"""

ASSIGNED = frozenset(_ASSIGNED.split())
"""The codes that ISO 3166-1 assigns: 249 since 2011, when South Sudan got one."""

_TAKEN = ASSIGNED | {"XK"}
_ALIASES = {"UK": HOME}
_NAMES_OF_HOME = frozenset(
    {"", "gbr", "united kingdom", "great britain", "england", "scotland", "wales", "cymru"}
    | {"northern ireland"}
)


def code_of(text: str, field: str = "country") -> str:
    """Returns the code of a country given by two letters in any case; `UK` is `GB`.

    Takes the codes that ISO 3166-1 assigns, and `XK` for Kosovo, which the United Kingdom
    recognises: ISO has no code for it, and this one is in general use.

    :raises Invalid: `country_unknown`, for the field with this name
    """
    # Checked before upper(), which turns some letters outside ASCII into ASCII letters.
    code = text.upper() if text.isascii() else ""
    code = _ALIASES.get(code, code)
    if code not in _TAKEN:
        message = "Give a country by its two letters (ISO 3166-1), such as GB or IE."
        raise Invalid.field(field, "country_unknown", message)
    return code


def code_of_written(text: str, field: str = "country") -> str:
    """Returns a code as `code_of` does, for text in a spreadsheet or an address book.

    Names of the United Kingdom and its parts are taken too, and an empty text means it.
    """
    text = text.strip()
    return HOME if text.lower() in _NAMES_OF_HOME else code_of(text, field)


def is_unassigned(code: str) -> bool:
    """Returns whether a stored code is one that would be refused now, or an alias."""
    return code not in _TAKEN and code != ABROAD
