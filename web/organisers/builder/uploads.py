"""Pictures that come with a form of the desk."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import File, Request, UploadFile

from api.answers.state import state_of
from services.pictures.cutting import CutFile

Upload = Annotated[UploadFile | None, File()]
"""A field for a file; None or an empty one where nothing was chosen."""


async def cut(
    request: Request, upload: UploadFile | None, how: Callable[[bytes], tuple[CutFile, ...]]
) -> tuple[CutFile, ...]:
    """Returns a picture in all its widths; nothing if no file was chosen.

    It is decoded in a thread of its own, one file at a time. Raises Invalid.
    """
    content = await upload.read() if upload is not None else b""
    return await state_of(request).uploads.run(partial(how, content)) if content else ()
