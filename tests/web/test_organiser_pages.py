"""Tests the page with all MPs, signing in, and the emails of the demonstration."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from main import create_app
from models import CampaignStatus, MemberOverride, MemberReply, OverrideKind, ReplyKind
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.organisations import organisations, organisers
from services.parliament.standing import StatedIntent
from services.parliament_sync import sessions
from services.signatures import pending_views
from tests.support.common import CAMPAIGN, ORGANISERS_PASSWORD, PETITION, Clock, Mailbox
from tests.support.exports import submit
from tests.support.mail import write_letter
from tests.support.pages import (
    MPS,
    RAW_VALUES,
    TALLY,
    Page,
    close_campaign,
    sign,
    sign_in,
    sign_out,
    visible,
)
from tests.support.partners import SECOND, add_second_petition
from tests.support.signatures import confirm_all
from web.base import words


@pytest.fixture
def local_client(lobby: Lobby) -> Iterator[TestClient]:
    """Yields a client on the same machine as the application."""
    settings = lobby.settings.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    host = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 50000)}
    with TestClient(app, follow_redirects=False, **host) as client:  # type: ignore[arg-type] # both are given
        yield client


def seats_in(page: Page) -> list[str]:
    """Returns the constituencies in the table, as they come."""
    table = page.text.partition('<table class="tally">\n<caption class="unseen">Constituencies')[2]
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)', table.partition("</table>")[0])


def test_the_tally_has_every_seat_and_its_sums(client: TestClient) -> None:
    page = client.get(MPS)
    page_text = visible(page)
    assert "<h1>4 of 14 MPs have signed</h1>" in page.text
    assert "<title>4 of 14 MPs have signed: Keep NHS Professionals public – " in page.text
    assert "8 of the 14 MPs can sign" in page_text
    assert len(seats_in(page)) == 14
    assert "Checked with Parliament at 1.00pm today." in page_text
    assert "Signed, then withdrew" in page_text
    assert "Minister: doesn’t sign motions" in page_text
    assert "Primary sponsor, 18 May 2026" in page_text
    assert not RAW_VALUES.search(page_text)


def test_the_tally_is_filtered_sorted_and_downloaded_alike(client: TestClient) -> None:
    query = "?standing=signed&sort=-signatures"
    page = client.get(MPS + query + "&party=&nation=&region=")
    assert len(seats_in(page)) == 4
    csv = re.search(rf'href="({MPS}\.csv[^"]*)"', page.text)
    assert csv
    assert csv.group(1) == f"{MPS}.csv{query.replace('&', '&amp;')}"
    rows = client.get(csv.group(1).replace("&amp;", "&")).text.splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == seats_in(page)
    assert '<option value="-signatures" selected>' in page.text


@pytest.mark.parametrize(
    "query",
    [
        "standing=maybe",
        "eligibility=perhaps",
        "nation=Mars",
        "said=perhaps",
        "signed_since=yesterday",
        "signed_since=2026-W01-1",
    ],
)
def test_an_unknown_filter_is_ignored_and_named(client: TestClient, query: str) -> None:
    page = client.get(f"{MPS}?{query}")
    assert page.status_code == 200
    assert f"We ignored {query}." in visible(page)


@pytest.mark.parametrize("query", ["page=x", "page=0"])
def test_a_page_that_there_cannot_be_is_named(client: TestClient, query: str) -> None:
    page = client.get(f"{MPS}?{query}")
    assert page.status_code == 422
    assert "Page :" in visible(page)


def test_the_form_keeps_what_was_chosen_and_takes_it_to_the_csv(client: TestClient) -> None:
    page = client.get(f"{MPS}?signed_since=2026-06-01&said=&sort=-signatures_per_1000")
    rows = len(seats_in(page))
    assert 0 < rows < 4
    assert 'name="signed_since" value="2026-06-01"' in page.text
    csv = re.search(rf'href="({MPS}\.csv[^"]+)"', page.text)
    assert csv
    assert "signed_since=2026-06-01&amp;sort=-signatures_per_1000" in csv.group(1)
    assert len(client.get(csv.group(1).replace("&amp;", "&")).text.splitlines()) == rows + 1


def test_sums_are_shown_by_party_nation_and_region(client: TestClient) -> None:
    page = client.get(MPS)
    assert page.text.count('<details class="sums">') == 3
    page_text = visible(page)
    assert "MPs who have signed, of those who can Signatures For every 1,000 voters" in page_text
    body = client.get(f"{TALLY}/summary").json()
    for by in ("party", "nation", "region"):
        for row in body[f"by_{by}"]:
            name = row["name"].replace("&", "&amp;")
            is_few = row["signatures"] < 5
            rate = "–" if is_few else f"{row['signatures_per_1000']:.2f}"
            signatures = "fewer than 5" if is_few else row["signatures"]
            counts = f"{row['signed']} of {row['can_sign']} {signatures} {rate}"
            assert f"{name} {counts}" in page_text
        assert client.get(f"{MPS}.csv?by={by}").status_code == 200
        assert f'href="{MPS}.csv?by={by}"' in page.text


def test_a_row_tells_what_its_member_said_and_where_it_can_be_read(
    client: TestClient, lobby: Lobby
) -> None:
    reply = '<a href="https://example.org/replies/2" rel="nofollow">Said they haven’t decided</a>'
    assert f"<small>{reply}, 27 June 2026</small>" in client.get(MPS).text
    with lobby.database.write() as session:
        answer = session.exec(select(MemberReply)).one()
        campaign = campaigns.public(session, CAMPAIGN)
        session.add(
            MemberOverride(
                organisation_id=campaign.organisation_id,
                campaign_id=campaign.id,
                member_id=answer.member_id,
                kind=OverrideKind.SAYS_WILL_SIGN,
                reason="Said so on the radio.",
                link="https://example.org/radio",
                starts_on=date(2026, 6, 30),
                recorded_at=lobby.clock(),
            )
        )
    page = client.get(f"{MPS}?said=will_sign")
    both = "Said they will sign , 30 June 2026 Said they haven’t decided , 27 June 2026"
    assert both in visible(page)
    assert len(seats_in(page)) == 1
    with lobby.database.write() as session:
        session.exec(select(MemberReply)).one().kind = ReplyKind.WILL_SIGN
    html = client.get(f"{MPS}?said=will_sign").text
    assert html.count(">Said they will sign</a>") == 1, "the same is said once, by its last day"
    assert 'href="https://example.org/radio"' in html


def test_what_nobody_verified_is_not_shown(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.exec(select(MemberReply)).one().verified_by = None
    assert "Said they haven’t decided" not in client.get(MPS).text


def test_every_answer_that_a_member_can_give_has_words() -> None:
    assert set(words.REPLIES) == set(ReplyKind)
    assert set(words.STATED_INTENTS) == set(StatedIntent)
    assert set(words.ORGANISER_NOTES) == {kind for kind in OverrideKind if kind.is_of_campaign}


def test_the_tally_leads_to_its_feed_unless_it_is_a_draft(client: TestClient, lobby: Lobby) -> None:
    feed = f"{TALLY}/events.atom"
    html = client.get(MPS).text
    head = html.partition("</head>")[0]
    assert 'type="application/atom+xml" title="Which MPs have signed: Keep NHS' in head
    assert html.count(f'href="{feed}"') == 2
    assert client.get(feed).status_code == 200
    sign_in(client)
    close_campaign(lobby, CampaignStatus.DRAFT)
    assert feed not in client.get(MPS).text


def test_a_campaign_for_some_nations_says_that_every_seat_is_counted(
    client: TestClient, lobby: Lobby
) -> None:
    assert "This campaign is for" not in visible(client.get(MPS))
    with lobby.database.write() as session:
        campaigns.public(session, CAMPAIGN).nations = ["Scotland", "Wales"]
    page = client.get(MPS)
    assert "This campaign is for Scotland, Wales. Any MP can sign its motion" in visible(page)
    assert len(seats_in(page)) == 14


def test_a_motion_that_fell_is_said_to_have_fallen_and_keeps_its_figures(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        sessions.save(session, name="2027-28", starts_on=lobby.clock().date(), ends_on=None)
        sessions.lapse_motions(session, now=lobby.clock())
    text = visible(client.get(MPS))
    assert "Parliament’s session has ended, and the motion with it." in text
    assert "These are the final figures." in text
    assert "4 of 14 MPs signed" in text
    of_mp = client.get(f"{MPS}?constituency=S14000078", follow_redirects=True)
    assert "Write to" not in visible(of_mp)
    body = client.get(TALLY).json()
    assert body["motion"]["status"] == "lapsed"


def test_many_seats_come_fifty_at_a_time_unless_all_are_asked_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.public.members.all_mps.PAGE_SIZE", 5)
    first, last = client.get(MPS), client.get(f"{MPS}?page=3")
    assert "1 to 5 of 14 constituencies" in visible(first)
    assert "11 to 14 of 14 constituencies" in visible(last)
    assert "Next" not in visible(last)
    assert len(seats_in(client.get(f"{MPS}?show=all"))) == 14
    assert "No MPs match. Clear filters" in visible(client.get(f"{MPS}?page=99"))


def test_an_organiser_signs_in_sees_their_campaigns_and_signs_out(client: TestClient) -> None:
    assert client.get("/organiser").headers["Location"] == "/sign-in"
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/organiser")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "Secure" not in cookie  # this service is at a plain http address
    page = client.get("/organiser")
    assert "Keep NHS Professionals public" in visible(page)
    assert "360 signatures" in visible(page)
    assert client.get("/sign-in").headers["Location"] == "/organiser"
    assert sign_out(client).headers["Location"] == "/sign-in"
    assert client.get("/organiser").status_code == 303


def test_behind_https_the_cookie_is_secure(lobby: Lobby) -> None:
    settings = lobby.settings.model_copy(update={"base_url": "https://lobby.example.org"})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    with TestClient(app, base_url=settings.base_url, follow_redirects=False) as client:
        assert "Secure" in sign_in(client).headers["Set-Cookie"]


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: TestClient) -> None:
    wrong = sign_in(client, password="not this one")
    unknown = sign_in(client, "x", email="who@example.org")
    assert wrong.status_code == unknown.status_code == 422
    assert "do not fit together" in visible(wrong)
    assert wrong.text.replace(invented_campaign.ORGANISER, "who@example.org") == unknown.text
    assert "not this one" not in wrong.text


@pytest.mark.parametrize("cookie", ["", "nonsense", "a.b.c"])
def test_a_bad_cookie_is_nobody(client: TestClient, cookie: str) -> None:
    client.cookies.set("lobby_organiser", cookie)
    assert client.get("/organiser").status_code == 303
    assert client.get(f"/campaigns/{CAMPAIGN}").status_code == 200


def test_a_session_ends_after_half_a_day_without_use_and_no_mailed_link_can_stand_for_it(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    for _ in range(3):
        clock.advance(hours=11)
        assert client.get("/organiser").status_code == 200
    clock.advance(hours=12)
    assert client.get("/organiser").status_code == 303
    with lobby.database.read() as session:
        organiser = organisers.by_email(session, invented_campaign.ORGANISER)
    client.cookies.set("lobby_organiser", lobby.tokens.issue(Purpose.RESET, organiser.id))
    assert client.get("/organiser").status_code == 303


@pytest.mark.slow
def test_a_session_ends_after_a_week_however_much_it_is_used(
    client: TestClient, clock: Clock
) -> None:
    sign_in(client)
    for _ in range(15):
        clock.advance(hours=11)
        assert client.get("/organiser").status_code == 200
    clock.advance(hours=4)
    assert client.get("/organiser").status_code == 303


def test_a_stolen_cookie_is_worth_nothing_after_signing_out(client: TestClient) -> None:
    sign_in(client)
    stolen = client.cookies["lobby_organiser"]
    assert sign_out(client).headers["Location"] == "/sign-in"
    client.cookies.set("lobby_organiser", stolen)
    assert client.get("/organiser").status_code == 303


def test_a_new_password_ends_all_sessions_even_if_it_is_the_old_one(
    client: TestClient, lobby: Lobby
) -> None:
    sign_in(client)
    assert client.get("/organiser").status_code == 200
    with lobby.database.write() as session:
        organiser = organisers.by_email(session, invented_campaign.ORGANISER)
        organisers.set_password(session, organiser, ORGANISERS_PASSWORD)
    assert client.get("/organiser").status_code == 303
    leads_to = client.get("/organiser/webhooks").headers["Location"]
    assert leads_to == "/sign-in?next=/organiser/webhooks"
    client.cookies.clear()
    sign_in(client)
    assert client.get("/organiser").status_code == 200


def test_an_organiser_sees_only_their_own_organisations_campaigns(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        other = organisations.create(session, name="Other", slug="other", now=lobby.clock())
        values = {"slug": "theirs", "title": "Not yours", "summary": "s", "status": "draft"}
        campaigns.create(session, organisation_id=other.id, values=values, now=lobby.clock())
    sign_in(client)
    assert "Not yours" not in client.get("/organiser").text
    assert client.get("/campaigns/theirs").status_code == 404


def test_the_desk_says_how_many_have_not_confirmed_yet_by_petition(
    signed_in: TestClient, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_views, "MOST_COUNTED", 2)
    monkeypatch.setattr("web.organisers.home.MOST_COUNTED", 2)
    add_second_petition(lobby)
    unconfirmed = "not confirmed yet"
    assert unconfirmed not in visible(signed_in.get("/organiser"))
    first = submit(lobby, "a0@example.org")
    assert ", open. 1 not confirmed yet." in visible(signed_in.get("/organiser"))
    for number in (1, 2, 3):
        submit(lobby, f"a{number}@example.org")
    submit(lobby, "a0@example.org", petition_slug=SECOND)
    page_text = visible(signed_in.get("/organiser"))
    assert ", open. More than 2 not confirmed yet." in page_text
    assert "0 signatures, open. 1 not confirmed yet." in page_text
    confirm_all(lobby, [first])
    assert ", open. More than 2 not" in visible(signed_in.get("/organiser"))


def test_no_public_page_changes_with_what_is_not_confirmed(
    client: TestClient, lobby: Lobby
) -> None:
    """Who could count what the sorter found would learn whether an address has signed."""
    paths = [
        "/",
        f"/campaigns/{CAMPAIGN}",
        MPS,
        f"/v1/petitions/{PETITION}",
        f"/v1/campaigns/{CAMPAIGN}",
        TALLY,
        f"{TALLY}/history",
        "/petitions.json",
        "/petitions/1/count.json",
        f"/embed/{PETITION}",
    ]
    before = [client.get(path) for path in paths]
    assert {answer.status_code for answer in before} == {200}
    for number in range(3):
        submit(lobby, f"a{number}@example.org", source="stall")
    after = [client.get(path) for path in paths]
    assert [answer.text for answer in after] == [answer.text for answer in before]


def test_the_demonstrations_mail_is_readable_on_this_machine(
    local_client: TestClient, lobby: Lobby
) -> None:
    sign(local_client)
    Mailbox(lobby).deliver()
    page = local_client.get("/dev/mail")
    newest = re.search(r'href="(/dev/mail/[^"]+\.eml)"', page.text)
    assert newest
    mail = local_client.get(newest.group(1))
    assert "anna@example.org" in visible(mail)
    link = re.search(r'<a href="http://[^/]+(/confirm/[^"]+)">', mail.text)
    assert link
    assert local_client.get(link.group(1)).status_code == 200
    html = local_client.get(f"{newest.group(1)}/html")
    assert f'href="{newest.group(1)}/html"' in mail.text
    assert ">Confirm my signature</a>" in html.text
    assert html.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'"
    )
    assert html.headers["Cache-Control"] == "no-store"
    assert 'href="/dev/mail"' in local_client.get(f"/campaigns/{CAMPAIGN}/signed").text


def test_a_letter_to_an_mp_has_no_html_to_show(local_client: TestClient, lobby: Lobby) -> None:
    mailbox = Mailbox(lobby)
    mailbox.deliver()
    write_letter(lobby)
    (letter,) = [mail for mail in mailbox.deliver() if not mail.is_multipart()]
    name = f"/dev/mail/{str(letter['Message-ID'])[1:].partition('@')[0]}.eml"
    assert "Show as HTML" not in local_client.get(name).text
    assert local_client.get(f"{name}/html").status_code == 404


def test_mail_names_cannot_lead_out_of_the_folder(local_client: TestClient, lobby: Lobby) -> None:
    assert lobby.mail_folder
    outside = lobby.mail_folder.folder.parent / "secret.eml"
    outside.write_text("Subject: secret\n\nsecret")
    for name in ("..%2Fsecret.eml", "%2e%2e%2fsecret.eml", "secret.eml", str(outside), "%00"):
        assert local_client.get(f"/dev/mail/{name}").status_code == 404
        assert local_client.get(f"/dev/mail/{name}/html").status_code == 404


def test_mail_is_hidden_from_other_machines_hosts_and_addresses(
    local_client: TestClient, client: TestClient
) -> None:
    assert local_client.get("/dev/mail").status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        assert local_client.get("/dev/mail", headers={"Host": host}).status_code == 421
    assert client.get("/dev/mail").status_code == 404  # the base URL is not a loopback address
    app: Any = local_client.app
    remote = TestClient(app, base_url="http://127.0.0.1:8000", client=("192.0.2.7", 1))
    assert remote.get("/dev/mail").status_code == 404
    assert "/dev/mail" not in client.get(f"/campaigns/{CAMPAIGN}/signed").text


def test_without_a_demonstration_there_is_no_banner_and_no_mail(empty_lobby: Lobby) -> None:
    settings = empty_lobby.settings.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    app = create_app(settings, lobby=replace(empty_lobby, settings=settings))
    host = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 50000)}
    with TestClient(app, **host) as client:  # type: ignore[arg-type] # both are given
        assert "This is a demonstration" not in client.get("/").text
        assert "There are no campaigns here yet." in client.get("/").text
        assert client.get("/dev/mail").status_code == 404
