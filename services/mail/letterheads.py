"""The organisation in whose name an email goes."""

from dataclasses import dataclass
from functools import lru_cache

from models import Organisation
from services.common import texts
from services.errors import Invalid
from services.mail import mail_headers

# Texts of organisers, which many emails share.
fitted = lru_cache(maxsize=100)(texts.fit_for_header)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """The name and the colour of an organisation, and the address to which replies go."""

    name: str
    contact_email: str | None = None
    brand_colour: str | None = None

    @property
    def display_name(self) -> str:
        """The name without what does not fit into a header: old ones were stored before checks."""
        return fitted(self.name)

    @property
    def reply_to(self) -> tuple[str, str] | None:
        """The name and address for `Reply-To`; None without an address that mail servers accept.

        An email without it is better than none.
        """
        if not self.contact_email or not _is_address(self.contact_email):
            return None
        return self.display_name, self.contact_email


def of_organisation(organisation: Organisation) -> Letterhead:
    """Returns the letterhead of an organisation."""
    return Letterhead(
        name=organisation.name,
        contact_email=organisation.contact_email,
        brand_colour=organisation.brand_colour,
    )


@lru_cache(maxsize=100)
def _is_address(text: str) -> bool:
    try:
        mail_headers.bare_address(text)
    except Invalid:
        return False
    return True
