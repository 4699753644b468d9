"""The scopes of API keys in words, and an example command for a new key."""

from models import Scope
from services.keys.key_views import KeyView

SCOPE_TEXTS = {
    Scope.CAMPAIGNS_WRITE: "Change your campaigns, petitions and partners, note what MPs said, and "
    "revoke keys.",
    Scope.SIGNATURES_WRITE: "Send signatures, one by one or many at once. Each signer is asked to "
    "confirm by email.",
    Scope.SIGNATURES_IMPORT: "Together with the one before: send signatures that count at once, "
    "such as those on paper. We take the sender’s word for them.",
    Scope.SIGNATURES_READ: "Read who signed: names, email addresses, postcodes and comments.",
    Scope.TALLIES_READ: "Read your notes about MPs: who will sign, who won’t, and who to ask next.",
    Scope.LETTERS_READ: "Read how many letters went to MPs and what became of them, without who "
    "wrote them.",
    Scope.LETTERS_WRITERS: "Together with the one before: read who wrote letters, and what.",
    Scope.WEBHOOKS_WRITE: "Make, change and delete webhooks.",
    Scope.ACTION_NETWORK: "Use programs made for Action Network. To read anything about people, "
    "they need the right to read signatures too.",
}
# The same scope gives a partner less than its organisation.
_PARTNER_SCOPE_TEXTS = SCOPE_TEXTS | {
    Scope.SIGNATURES_READ: "Read confirmed signatures that came through the partner. Names and "
    "addresses are only of people who agreed that it may contact them.",
}
_READ_PATHS = {
    Scope.CAMPAIGNS_WRITE: "/v1/keys",
    Scope.WEBHOOKS_WRITE: "/v1/webhooks",
}
_EXAMPLE_SIGNATURE = '{"name": "Anna Example", "email": "anna@example.org", "postcode": "EH1 1YZ"}'


def scope_texts(partner: str | None) -> dict[Scope, str]:
    """Says what each scope allows: for the organisation's own keys, or for a partner's."""
    return SCOPE_TEXTS if partner is None else _PARTNER_SCOPE_TEXTS


def example_command(view: KeyView, petition: str | None, base_url: str) -> str:
    """Returns a shell command that tries a key, which is in `$KEY`.

    It reads where the key may read. Empty where there is nothing to try.
    """
    scopes = {Scope(scope) for scope in view.key.scopes}
    path = _read_path(scopes, view.partner, petition)
    if path:
        return f'curl "{base_url}{path}" \\\n  -H "Authorization: Bearer $KEY"'
    if Scope.SIGNATURES_WRITE in scopes and petition:
        return (
            f'curl "{base_url}/v1/petitions/{petition}/signatures" \\\n'
            '  -H "Authorization: Bearer $KEY" \\\n'
            "  -H 'Content-Type: application/json' \\\n"
            f"  -d '{_EXAMPLE_SIGNATURE}'"
        )
    if Scope.ACTION_NETWORK in scopes:
        return f'curl "{base_url}/api/v2/" \\\n  -H "OSDI-API-Token: $KEY"'
    return ""


def _read_path(scopes: set[Scope], partner: str | None, petition: str | None) -> str:
    if Scope.SIGNATURES_READ in scopes and partner:
        return f"/v1/partners/{partner}/summary"
    if Scope.SIGNATURES_READ in scopes and petition:
        return f"/v1/petitions/{petition}/signatures"
    return next((path for scope, path in _READ_PATHS.items() if scope in scopes), "")
