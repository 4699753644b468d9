"""What runs beside the server: mail, and what is due. No rules of its own, but the transactions."""

from lobby.worker.bounces import read_bounces as read_bounces
from lobby.worker.idempotency import forget_old_keys as forget_old_keys
from lobby.worker.loop import run as run
from lobby.worker.mail import deliver_due as deliver_due
from lobby.worker.mail import keep_house as keep_house
from lobby.worker.parliament import sync_if_due as sync_if_due
from lobby.worker.parliament import sync_members as sync_members
from lobby.worker.parliament import sync_members_if_due as sync_members_if_due
from lobby.worker.parliament import sync_motion as sync_motion
from lobby.worker.parliament import sync_saved_motion as sync_saved_motion
from lobby.worker.webhooks import deliver_webhooks as deliver_webhooks
from lobby.worker.webhooks import keep_webhooks as keep_webhooks
