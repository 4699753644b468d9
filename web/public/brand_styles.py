"""The style sheet with the colours of a brand. It depends on the colour alone and never changes."""

from dataclasses import fields

from fastapi import Response

from api.http.late_routes import Router
from services.errors import Invalid, NotFound
from services.organisations import brand_colours
from services.organisations.brand_colours import Palette
from web.base.static_files import FOR_EVER

router = Router()


@router.get("/brand/{colour}.css")
def brand_style(colour: str) -> Response:
    """Sets the colours of pages for a brand colour in six lower-case hex digits."""
    try:
        checked = brand_colours.checked(f"#{colour}")
    except Invalid as error:
        raise NotFound("brand_unknown", "There is no style for this colour.") from error
    if checked != f"#{colour}":
        raise NotFound("brand_unknown", "There is no style for this colour.")
    style = (
        f":root {{ {_declarations(brand_colours.light(checked))} }}\n"
        "@media (prefers-color-scheme: dark) {\n"
        f"  :root:not(.light) {{ {_declarations(brand_colours.dark(checked))} }}\n"
        "}\n"
    )
    return Response(style, media_type="text/css", headers={"Cache-Control": FOR_EVER})


def _declarations(palette: Palette) -> str:
    return " ".join(
        f"--{field.name.replace('_', '-')}: {getattr(palette, field.name)};"
        for field in fields(palette)
    )
