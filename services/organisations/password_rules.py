"""Which passwords an account may have. Length and strangeness count, not kinds of characters."""

from models import Organisation
from services.errors import Invalid

MINIMUM = 10
LONGEST_ESTIMATED = 72  # characters: the estimate takes longer for a longer text
FEWEST_GUESSES = 1_000_000


def check(password: str, *, email: str, organisation: Organisation) -> None:
    """Raises Invalid for a password that is too short or easy to guess.

    The password of a demonstration is known to everybody, and works on its own computer only.
    """
    if len(password) < MINIMUM:
        raise _refused("too_short", f"At least {MINIMUM} characters, please.")
    folded = _folded(password)
    if folded in _about(email, organisation):
        message = "Your password can’t be your email address or your organisation’s name."
        raise _refused("about_you", message)
    if not organisation.is_demonstration and _is_common(password, email, organisation):
        message = "This password is easy to guess. Try three or four words that don’t go together."
        raise _refused("too_common", message)


def _refused(code: str, message: str) -> Invalid:
    return Invalid.field("password", code, message)


def _about(email: str, organisation: Organisation) -> set[str]:
    words = (email, email.partition("@")[0], organisation.name, organisation.slug)
    return {_folded(word) for word in words}


def _is_common(password: str, email: str, organisation: Organisation) -> bool:
    # Imported here: its lists of words take a sixth of a second, and few processes need them.
    from zxcvbn import zxcvbn  # noqa: PLC0415 - see above

    about = sorted(_about(email, organisation))
    return bool(zxcvbn(password[:LONGEST_ESTIMATED], user_inputs=about)["guesses"] < FEWEST_GUESSES)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
