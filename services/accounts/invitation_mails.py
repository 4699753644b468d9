"""The email with an invitation. It has no word that the inviter typed.

An address that has an account here gets an email too, which says so: the person isn't left waiting,
and whoever invited them cannot tell from what happens. Which of the two it is, is decided when the
email is sent. One account has one organisation, so the link would be of no use to them.
"""

from typing import Any

from sqlmodel import Session, col, select

from models import Invitation, MessageKind, Organisation, Organiser, OutboxMessage, Role
from services.common import texts, times
from services.common.tokens import Purpose
from services.mail import html_parts, mail_templates
from services.mail.mail_builder import Mail
from services.mail.supporter_mails import DroppedMessage, MailContext

KINDS = (MessageKind.INVITATION,)
WHAT_ROLES_DO = {
    Role.OWNER: "Owners can do everything, and decide who else works here.",
    Role.EDITOR: "Editors write campaigns, letters and news.",
    Role.VIEWER: "Viewers can look at everything except supporters' details, and change nothing.",
}


def make(session: Session, message: OutboxMessage, context: MailContext) -> Mail | DroppedMessage:
    """Returns the email, or the reason why it is dropped."""
    invitation = session.get(Invitation, message.subject_id)
    if invitation is None:
        return DroppedMessage("the invitation has been used, withdrawn or replaced")
    organisation = session.get_one(Organisation, invitation.organisation_id)
    values = _values(session, invitation, context) | {"organisation": organisation.name}
    content = mail_templates.render(f"{message.kind}.txt", values)
    return Mail(
        recipient=invitation.email.text,
        subject=texts.fit_for_header(content.subject),
        body=content.plain,
        message_id=context.message_id(message.id),
        html=html_parts.render(
            content, sender=organisation.name, brand_colour=organisation.brand_colour
        ),
    )


def _values(session: Session, invitation: Invitation, context: MailContext) -> dict[str, Any]:
    bound_to = invitation.organisation_id.bytes
    return {
        "inviter": session.get_one(Organiser, invitation.invited_by).email.text,
        "has_account": _has_account(session, invitation, context),
        "role": str(invitation.role),
        "what_role_does": WHAT_ROLES_DO[invitation.role],
        "works_until": times.moment(invitation.expires_at),
        "invitation_link": context.link(
            "invitation", Purpose.INVITATION, invitation.id, bound_to=bound_to
        ),
        "sign_in_link": f"{context.base_url}/sign-in",
    }


def _has_account(session: Session, invitation: Invitation, context: MailContext) -> bool:
    # Accounts of earlier versions may have an index that tells capitals apart.
    exact = context.keyring.everywhere_index(texts.canonical_email(invitation.email.text))
    statement = select(Organiser.id).where(
        col(Organiser.email_index).in_((invitation.email_index, exact))
    )
    return session.exec(statement.limit(1)).first() is not None
