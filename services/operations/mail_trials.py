"""Sends one email that says it is a test, as `lobby mail test` does."""

from models import MessageState
from models.base import new_id
from services.assembly import Lobby
from services.common import texts, times
from services.mail import mail_builder, relays
from services.mail.couriers import Courier, Delivery
from services.mail.mail_builder import Mail

SUBJECT = "Test email from Central Lobby"
BODY = """Hello,

This is a test of the mail server of {base_url}

An operator of that service sent it on {moment},
with the command `lobby mail test`. It is about no petition and no letter,
and there is nothing to do.

If you did not expect it, please ignore it.
"""


def send(lobby: Lobby, address: str, courier: Courier) -> Delivery:
    """Sends the email past the outbox. If the server takes it, waiting emails go on at once.

    :raises Invalid: the address is malformed
    """
    context, message_id, now = lobby.mail_context, new_id(), lobby.clock()
    mail = Mail(
        recipient=texts.email_address(address, "address"),
        subject=SUBJECT,
        body=BODY.format(base_url=context.base_url, moment=times.moment(now)),
        message_id=context.message_id(message_id),
    )
    envelope = mail_builder.sealed(
        mail_builder.build(mail, mail_from=context.mail_from, now=now),
        sender=context.sender_of(message_id),
        signer=context.signer,
    )
    delivery = courier.deliver(envelope, lambda: True)
    if delivery.state is MessageState.ACCEPTED:
        with lobby.database.write(is_public=False) as session:
            relays.note_success(session, courier.relay, now=now)
    return delivery
