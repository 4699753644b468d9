"""Constituencies: the seats of the House of Commons."""

from sqlmodel import Field, SQLModel

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
