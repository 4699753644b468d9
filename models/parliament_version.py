"""The version of what is kept about Parliament: seats, members, offices and the map."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class ParliamentVersion(SQLModel, table=True):
    """A number that grows with every change of `constituency`, `membership`, `member`, `post`,
    `map_tile` and `map_layout`. There is always one row.

    Triggers of the database count, in the transaction that changes those tables, so that no code
    can forget it. A migration that copies one of the tables on SQLite must make its triggers again.
    """

    __tablename__ = "parliament_version"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    version: int = Field(sa_type=sa.BigInteger)
