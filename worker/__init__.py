"""What runs beside the server: delivery and everything on a schedule.

The worker opens the transactions; services have the rules.
"""

from worker.adoption import SignatureAdoption as SignatureAdoption
from worker.alerts import make_digests as make_digests
from worker.bounces import read_bounces as read_bounces
from worker.countries import correct_countries as correct_countries
from worker.giving_back import give_back_submissions as give_back_submissions
from worker.giving_back import needs_giving_back as needs_giving_back
from worker.idempotency import forget_old_keys as forget_old_keys
from worker.letter_adoption import LetterAdoption as LetterAdoption
from worker.loop import run as run
from worker.loop import watch_secrets as watch_secrets
from worker.mail import clean_up as clean_up
from worker.mail import deliver_due as deliver_due
from worker.new_secrets import look_for_new_secret as look_for_new_secret
from worker.parliament import sync_if_due as sync_if_due
from worker.parliament import sync_members as sync_members
from worker.parliament import sync_members_if_due as sync_members_if_due
from worker.parliament import sync_motion as sync_motion
from worker.parliament import sync_saved_motion as sync_saved_motion
from worker.retention import delete_old_drafts as delete_old_drafts
from worker.retention import delete_old_submissions as delete_old_submissions
from worker.retention import forget_old_accounts as forget_old_accounts
from worker.retention import forget_team_records as forget_team_records
from worker.sorting import sort_submissions as sort_submissions
from worker.webhooks import clean_up_webhooks as clean_up_webhooks
from worker.webhooks import deliver_webhooks as deliver_webhooks
