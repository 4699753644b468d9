"""Importing constituencies."""

import math
import re
from pathlib import Path

from sqlmodel import Session, func, select

from models import Constituency
from models.base import table_of
from models.constituency import NATIONS
from services.database.engine import upsert
from services.files import csv_reading
from services.postcodes.ons_import import ConstituencyFacts

COLUMNS = {"gss", "name", "region"}
_CODE = re.compile(r"[ESWN]\d{8}")


def import_csv(session: Session, file: Path) -> int:
    """Add or update the constituencies of a CSV; the number of rows. All of them, or none."""
    found: dict[str, Constituency] = {}
    for line, row in csv_reading.rows(file, needed=COLUMNS):
        seat = _parse(file, line, row)
        if seat.code in found:
            csv_reading.refuse(file, line, f"gss '{seat.code}' is there twice")
        found[seat.code] = seat
    return save(session, list(found.values()))


def save_facts(session: Session, facts: tuple[ConstituencyFacts, ...]) -> int:
    """Add or update what a postcode directory tells of its constituencies.

    Such a file knows no Welsh names and no electorate: what an earlier import gave is kept.
    """
    rows = [
        {
            "code": fact.code,
            "name": fact.name,
            "nation": fact.nation,
            "region": fact.region,
            "boundary_set": fact.boundary_set,
            "latitude": fact.latitude,
            "longitude": fact.longitude,
            "easting": fact.easting,
            "northing": fact.northing,
        }
        for fact in facts
    ]
    upsert(session, table_of(Constituency), rows, key=["code"])
    return len(rows)


def save(session: Session, constituencies: list[Constituency]) -> int:
    """Add or update whole rows."""
    rows = [constituency.model_dump() for constituency in constituencies]
    upsert(session, table_of(Constituency), rows, key=["code"])
    return len(rows)


def get(session: Session, code: str) -> Constituency:
    """Returns the constituency that a row refers to by its GSS code."""
    return session.get_one(Constituency, code)


def count(session: Session) -> int:
    """How many constituencies are known."""
    return session.exec(select(func.count()).select_from(Constituency)).one()


def names(session: Session) -> dict[str, Constituency]:
    """All constituencies by code."""
    return {seat.code: seat for seat in session.exec(select(Constituency))}


def _parse(file: Path, line: int, row: dict[str, str]) -> Constituency:
    code = row["gss"]
    if not _CODE.fullmatch(code):
        csv_reading.refuse(file, line, f"gss '{code}' is not a code such as E14001172")
    if not row["name"]:
        csv_reading.refuse(file, line, "name is empty")
    try:
        return Constituency(
            code=code,
            name=row["name"],
            name_welsh=row.get("name_cy") or None,
            nation=NATIONS[code[0]],
            region=row["region"] or NATIONS[code[0]],
            electorate=_integer(row.get("electorate_2024")),
            latitude=_decimal(row.get("lat")),
            longitude=_decimal(row.get("long")),
            easting=_integer(row.get("easting")),
            northing=_integer(row.get("northing")),
        )
    except ValueError as error:
        csv_reading.refuse(file, line, f"holds a number that is none: {error}")


def _integer(text: str | None) -> int | None:
    if text and abs(int(text)) >= 2**31:  # what an INTEGER of PostgreSQL holds
        raise ValueError(f"{text} is too large")
    return int(text) if text else None


def _decimal(text: str | None) -> float | None:
    if text and not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text) if text else None
