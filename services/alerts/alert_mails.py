"""The email with a digest, which is rendered at delivery."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from models import AlertChoice, AlertDigest, MessageKind, Organisation, Organiser, OutboxMessage
from services.alerts import digests, sentences
from services.alerts.news import News
from services.common import texts
from services.mail import html_parts, mail_templates
from services.mail.mail_builder import Mail
from services.mail.supporter_mails import DroppedMessage, MailContext

KINDS = (MessageKind.ALERT_DIGEST,)


def make(session: Session, message: OutboxMessage, context: MailContext) -> Mail | DroppedMessage:
    """Returns the email, or the reason why it is dropped."""
    digest = session.get(AlertDigest, message.subject_id)
    row = _recipient(session, message, digest) if digest else None
    if digest is None or row is None:
        return DroppedMessage("the organiser was removed, or wants no alerts any more")
    organiser, organisation = row
    news = digests.news_of(digest)
    values = {
        "subject": sentences.subject(news),
        "sentences": sentences.paragraphs(news),
        "overview_link": f"{context.base_url}{overview_path(news)}",
        "alerts_link": f"{context.base_url}/organiser/alerts",
        "organisation": organisation.name,
    }
    content = mail_templates.render(f"{message.kind}.txt", values)
    return Mail(
        recipient=organiser.email.text,
        subject=texts.fit_for_header(content.subject),
        body=content.plain,
        message_id=context.message_id(message.id),
        html=html_parts.render(
            content, sender=organisation.name, brand_colour=organisation.brand_colour
        ),
    )


def overview_path(news: Sequence[News]) -> str:
    """Returns the page of the campaign that the news is about; of several, the desk's home."""
    slugs = {item.slug for item in news if item.slug}
    return f"/organiser/campaigns/{slugs.pop()}" if len(slugs) == 1 else "/organiser"


def _recipient(
    session: Session, message: OutboxMessage, digest: AlertDigest
) -> tuple[Organiser, Organisation] | None:
    """Returns who gets the digest; None for somebody who has left, or has turned alerts off."""
    statement = (
        select(Organiser, Organisation)
        .join(Organisation, col(Organisation.id) == Organiser.organisation_id)
        .join(AlertChoice, col(AlertChoice.organiser_id) == Organiser.id)
        .where(
            Organiser.id == digest.organiser_id,
            Organiser.email_index == message.recipient_index,
        )
    )
    return session.exec(statement).first()
