"""Says news in words, for emails and pages. No queries."""

from collections.abc import Sequence

from services.alerts.news import News, NewsKind
from services.common import times

_OF_NAMES = {
    NewsKind.SIGNED: "signed",
    NewsKind.TOOK_OFF: "removed their name",
    NewsKind.TOOK_OFF_AND_SIGNED: "removed their name and put it back",
    NewsKind.SIGNED_AND_TOOK_OFF: "signed, then removed their name",
}
_MANY = {
    NewsKind.TOOK_OFF: "took their names off",
    NewsKind.TOOK_OFF_AND_SIGNED: "took their names off and put them back",
    NewsKind.SIGNED_AND_TOOK_OFF: "signed, then took their names off",
}


def subject(news: Sequence[News]) -> str:
    """Returns the most important piece of news in a few words."""
    first = news[0]
    return f"{_short_names(first)} {_did(first)} – {_count(first)}" if first.names else _head(first)


def paragraphs(news: Sequence[News]) -> list[str]:
    """Returns the news as sentences: one paragraph for each piece.

    Each paragraph begins with the title of its campaign; of a single campaign only the first does.
    The count of MPs is said once for each campaign.
    """
    is_of_several = len({item.slug for item in news if item.slug}) > 1
    said: set[str] = set()
    texts = []
    for item in news:
        is_first = item.slug not in said
        said.add(item.slug)
        title = f"{item.campaign}: " if item.campaign and (is_of_several or is_first) else ""
        count = f" {_count_now(item)}" if is_first and item.seats else ""
        texts.append(f"{title}{_about(item)}{count}")
    return texts


def _head(item: News) -> str:
    return {
        NewsKind.MOTION_WITHDRAWN: f"EDM {item.motion} has been withdrawn",
        NewsKind.MOTION_LAPSED: f"EDM {item.motion} has ended",
        NewsKind.MOTION_RESTORED: f"EDM {item.motion} is back",
        NewsKind.GOAL_REACHED: f"You've reached your goal of {item.goal} MPs",
        NewsKind.FOLLOWED: f"{_mps(item.signed)} signed EDM {item.motion} so far",
        NewsKind.LETTERS_STUCK: f"Letters aren't going out: {item.campaign}",
        NewsKind.MAILS_STUCK: "Emails to supporters aren't going out",
        NewsKind.SYNC_FAILING: f"We can't read EDM {item.motion} from Parliament",
        NewsKind.LETTERS_GO: f"Letters are going out again: {item.campaign}",
        NewsKind.MAILS_GO: "Emails to supporters are going out again",
        NewsKind.SYNC_WORKS: f"We can read EDM {item.motion} from Parliament again",
    }[item.what]


def _about(item: News) -> str:
    if item.names:
        return _about_names(item)
    head, since = _head(item), times.moment(item.since) if item.since else ""
    return {
        NewsKind.MOTION_WITHDRAWN: f"{head}. Nobody can add their name any more.",
        NewsKind.MOTION_LAPSED: f"{head} with its session of Parliament. Nobody can add their "
        "name any more.",
        NewsKind.MOTION_RESTORED: f"{head}: MPs can add their names again.",
        NewsKind.FOLLOWED: f"You now follow EDM {item.motion}. We'll tell you who signs from here "
        "on.",
        NewsKind.LETTERS_STUCK: "Letters to MPs aren't going out. The oldest one has been due "
        f"since {since}. Ask whoever runs your service to look.",
        NewsKind.MAILS_STUCK: f"Emails to supporters have been waiting since {since}. Ask whoever "
        "runs your service to look.",
        NewsKind.SYNC_FAILING: f"{head}. {_last_answer(since)} We'll keep trying.",
        NewsKind.LETTERS_GO: "Letters to MPs are going out again.",
        NewsKind.SYNC_WORKS: f"{head}. The names are up to date.",
    }.get(item.what, f"{head}.")


def _about_names(item: News) -> str:
    total = len(item.names) + item.others
    if total == 1:
        return f"{item.names[0]} {_did(item)}."
    return f"{total} MPs {_did(item)}: {_listed(item)}."


def _did(item: News) -> str:
    is_one = len(item.names) == 1 and not item.others
    return _OF_NAMES[item.what] if is_one else _MANY.get(item.what, _OF_NAMES[item.what])


def _short_names(item: News) -> str:
    first, *rest = item.names
    others = len(rest) + item.others
    if others == 1 and rest:
        return f"{first} and {rest[0]}"
    return f"{first} and {others} others" if others else first


def _listed(item: News) -> str:
    *before, last = item.names
    if item.others:
        others = "1 other" if item.others == 1 else f"{item.others} others"
        return f"{', '.join(item.names)} and {others}"
    return f"{', '.join(before)} and {last}"


def _count(item: News) -> str:
    return f"{item.signed} of {item.seats}"


def _count_now(item: News) -> str:
    has = "has" if item.signed == 1 else "have"
    return f"{_count(item)} MPs {has} signed EDM {item.motion}."


def _mps(count: int) -> str:
    return "1 MP has" if count == 1 else f"{count} MPs have"


def _last_answer(since: str) -> str:
    return f"The names you see are from {since}." if since else "We have no names yet."
