"""Bodies of tags and taggings."""

from typing import Any
from uuid import UUID

from api.action_network.places import ORIGIN, Places, Veil, identifiers, when
from models import Tag, Tagging

Json = dict[str, Any]


def tag_answer(places: Places, tag: Tag) -> Json:
    return {
        "identifiers": identifiers(tag.id),
        "origin_system": ORIGIN,
        "created_date": when(tag.created_at),
        "modified_date": when(tag.created_at),
        "name": tag.name,
        "_links": {
            "self": places.link("tags", tag.id),
            "osdi:taggings": places.link("tags", tag.id, "taggings"),
            "curies": places.curies(),
        },
    }


def tagging_answer(places: Places, tagging: Tagging, address_id: UUID) -> Json:
    """Converts a tag on the person who has the address `address_id`."""
    public_id = places.hide(Veil.TAGGING, tagging.id)
    person_id = places.hide(Veil.PERSON, address_id)
    return {
        "identifiers": identifiers(public_id),
        "created_date": when(tagging.created_at),
        "modified_date": when(tagging.created_at),
        "item_type": "osdi:person",
        "action_network:person_id": str(person_id),
        "_links": {
            "self": places.link("tags", tagging.tag_id, "taggings", public_id),
            "osdi:tag": places.link("tags", tagging.tag_id),
            "osdi:person": places.link("people", person_id),
            "curies": places.curies(),
        },
    }
