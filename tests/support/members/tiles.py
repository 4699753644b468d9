"""The map as pages read it, with the seats."""

from uuid import UUID

from services.assembly import Lobby
from services.parliament import map_tiles
from services.parliament.map_tiles import Centroid, Tiles
from services.tallies import seat_rows

NOBODY = UUID(int=0)
"""An organisation, or a campaign, that nobody has."""


def map_of(lobby: Lobby) -> Tiles:
    """Returns the place of each seat, and the credit."""
    with lobby.database.read() as session:
        found = seat_rows.all_seats(
            session,
            today=lobby.clock().date(),
            organisation_id=NOBODY,
            campaign_id=NOBODY,
            version=None,
        )
    seats = (row.constituency for row in found.rows)
    centroids = (
        Centroid(seat.code, seat.latitude, seat.longitude, seat.easting, seat.northing)
        for seat in seats
    )
    return map_tiles.arranged(centroids, found.cells, found.credit)
