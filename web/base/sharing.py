"""Plain links that share a page. They load nothing from anybody before they are pressed."""

from dataclasses import dataclass
from urllib.parse import urlencode

MEDIA = frozenset({"whatsapp", "email", "facebook", "x"})
"""The sources that the links below name."""


@dataclass(frozen=True, slots=True)
class ShareLinks:
    """Links that share `address` with a short `text`. Each names its medium as the `source`."""

    address: str
    text: str

    @property
    def whatsapp(self) -> str:
        """Returns a link that opens WhatsApp with the text."""
        return "https://wa.me/?" + urlencode({"text": f"{self.text} {self._from('whatsapp')}"})

    @property
    def email(self) -> str:
        """Returns a link that opens a new email."""
        body = f"{self.text}\n\n{self._from('email')}"
        # Mail programs show a plus sign as one, so spaces must be %20.
        query = urlencode({"subject": self.text, "body": body}).replace("+", "%20")
        return f"mailto:?{query}"

    @property
    def facebook(self) -> str:
        """Returns a link to Facebook's page for sharing. Facebook takes no text."""
        return "https://www.facebook.com/sharer/sharer.php?" + urlencode(
            {"u": self._from("facebook")}
        )

    @property
    def x(self) -> str:
        """Returns a link to X's page for posting."""
        return "https://x.com/intent/post?" + urlencode({"text": self.text, "url": self._from("x")})

    def _from(self, medium: str) -> str:
        return f"{self.address}?source={medium}"
