"""Constituencies: the seats of the House of Commons, and their tiles on the map."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime

UNKNOWN = "unknown"
OVERSEAS = "overseas"
NATIONS = {"E": "England", "S": "Scotland", "W": "Wales", "N": "Northern Ireland"}


class Constituency(SQLModel, table=True):
    """A seat, keyed by its GSS code. `boundary_set` is the year its boundaries came into use."""

    code: str = Field(primary_key=True, max_length=9)
    name: str
    name_welsh: str | None = None
    nation: str
    region: str
    boundary_set: str = "2024"
    electorate: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    easting: int | None = None
    northing: int | None = None


class MapTile(SQLModel, table=True):
    """A seat's hexagon on the map. `q` is its column from west to east, `r` its row northwards.

    The hexagons have a flat top, and odd columns are shifted half a hexagon to the north.
    """

    __tablename__ = "map_tile"
    __table_args__ = (sa.UniqueConstraint("q", "r"),)

    constituency_code: str = Field(foreign_key="constituency.code", primary_key=True, max_length=9)
    q: int
    r: int


class MapLayout(SQLModel, table=True):
    """Where the tiles come from: at most one row. `credit` names the authors of an imported map.

    Without an imported map, the tiles are placed from the seats' centroids.
    """

    __tablename__ = "map_layout"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    is_imported: bool
    credit: str = ""
    made_at: datetime = Field(sa_type=UtcDateTime)
