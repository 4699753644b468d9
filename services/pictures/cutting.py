"""Cuts an uploaded picture to the widths that pages show, as new files without metadata.

Nothing else of the upload is kept: no place or camera (EXIF), no text, no colour profile. See
decision 13.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from services.errors import Invalid
from services.pictures import headers
from services.pictures.headers import Header, Kind

LARGEST_FILE = 10_000_000  # bytes
MOST_PIXELS = 40_000_000
WIDTHS = (390, 780, 1560)
LARGEST_SIZES = {390: 25_000, 780: 60_000, 1560: 180_000}
"""In bytes. With the picture, the first view of a page has at most 100 KB."""

LOGO_HEIGHT, LOGO_WIDTH, LARGEST_LOGO = 144, 640, 20_000
"""A page shows a logo 36 pixels high. Four times that is sharp on every screen."""

WIDEST, TALLEST = 4, 2
"""A picture is at most four times as wide as high, and at most twice as high as wide."""

_QUALITIES = (80, 72, 64, 56, 48, 40, 32, 24, 16, 8, 0)
_WHITE = (255, 255, 255)
_ORIENTATION = 0x0112
# What a camera says of how it was held (EXIF 2.3, 4.6.4), and what puts the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODERS: dict[Kind, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    # By its class: `Image.open` would take a phone's JPEG of several pictures for another kind.
    Kind.JPEG: JpegImagePlugin.JpegImageFile,
    Kind.PNG: PngImagePlugin.PngImageFile,
    Kind.WEBP: WebPImagePlugin.WebPImageFile,
}
# What Pillow raises for files that are damaged.
_DAMAGED = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, EOFError)


@dataclass(frozen=True, slots=True)
class CutFile:
    """A picture in one width (pixels)."""

    width: int
    height: int
    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of the file in hex."""
        return hashlib.sha256(self.content).hexdigest()


def picture(content: bytes, field: str = "picture") -> tuple[CutFile, ...]:
    """Returns the picture of a campaign in up to three widths, the smallest first.

    No width is larger than that of the original. What is transparent becomes white.

    :raises Invalid: it is no PNG, JPEG or WebP file, is too large, moves, is damaged or too narrow
    """
    header = _checked(content, field)
    image = _upright(content, header, field, widest=WIDTHS[-1])
    whole = _flat(image)
    _require_shape(whole.size, field)
    # A JPEG may have been decoded in a smaller size, but in none smaller than the largest width.
    widths = [width for width in WIDTHS if width <= whole.width] or [whole.width]
    return tuple(_in_width(whole, width) for width in widths)


def logo(content: bytes, field: str = "logo") -> tuple[CutFile, ...]:
    """Returns a logo of at most 144 pixels in height. What is transparent stays so.

    :raises Invalid: as for a picture
    """
    header = _checked(content, field)
    image = _upright(content, header, field, widest=LOGO_WIDTH)
    whole = image.convert("RGBA" if image.has_transparency_data else "RGB")
    factor = min(1.0, LOGO_HEIGHT / whole.height, LOGO_WIDTH / whole.width)
    small = _resized(
        whole, max(1, round(whole.width * factor)), max(1, round(whole.height * factor))
    )
    lossless = _encoded(small, lossless=True)
    if len(lossless) <= LARGEST_LOGO:
        return (CutFile(*small.size, "image/webp", lossless),)
    return (CutFile(*small.size, "image/webp", _within(small, LARGEST_LOGO)),)


def ready_made(content: bytes) -> CutFile:
    """Returns a WebP file of our own as it is, without decoding it."""
    header = headers.read(content)
    if header is None or header.kind is not Kind.WEBP:
        raise ValueError("this is no WebP file")
    return CutFile(header.width, header.height, "image/webp", content)


def _checked(content: bytes, field: str) -> Header:
    """Checks a file by its first bytes alone."""
    if len(content) > LARGEST_FILE:
        raise Invalid.field(field, "picture_too_large", "Send a file of at most 10 MB.")
    if headers.kind_of(content) is None:
        raise Invalid.field(field, "picture_kind", "Send a PNG, JPEG or WebP file.")
    header = headers.read(content)
    if header is None or not header.width or not header.height:
        raise _damaged(field)
    if header.width * header.height > MOST_PIXELS:
        raise _too_many_pixels(field)
    if header.is_animated:
        message = "Send a picture that doesn’t move: this one is animated."
        raise Invalid.field(field, "picture_animated", message)
    return header


def _upright(content: bytes, header: Header, field: str, *, widest: int) -> Image.Image:
    """Decodes a file, and turns it as its camera was held.

    Nobody needs it wider than `widest` pixels: a large JPEG is decoded in a half, a quarter or an
    eighth of its size, which takes much less time and memory.
    """
    try:
        image: Image.Image = _DECODERS[header.kind](io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:  # a second header, behind the first
            raise _too_many_pixels(field)
        turn = _UPRIGHT.get(_orientation(image))
        factor = min(1.0, widest / min(image.size))
        image.draft(None, (round(image.width * factor), round(image.height * factor)))
        image.load()
        image = _in_srgb(_in_eight_bits(image))
    except Invalid:
        raise
    except _DAMAGED as error:
        raise _damaged(field) from error
    return image.transpose(turn) if turn is not None else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _DAMAGED:  # a camera's mistake, which does not spoil the picture
        return 1


def _in_srgb(image: Image.Image) -> Image.Image:
    """Converts the colours of phones and printers to those of screens, where a profile tells how.

    Without its profile, a picture would be shown in wrong colours.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, *_DAMAGED):  # a profile that nobody can use
        return image
    return converted or image


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Returns a picture of 16 bits in eight. Pillow would make all but the darkest greys white."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _flat(image: Image.Image) -> Image.Image:
    """Returns a picture in red, green and blue, with white for what is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGB", clear.size, _WHITE)
    white.paste(clear, mask=clear.getchannel("A"))
    return white


def _require_shape(size: tuple[int, int], field: str) -> None:
    width, height = size
    if width > WIDEST * height or height > TALLEST * width:
        message = (
            f"Send a picture that is at most {WIDEST} times as wide as high, and at most twice as "
            "high as wide. Pages show it 16 wide by 9 high."
        )
        raise Invalid.field(field, "picture_shape", message)


def _in_width(image: Image.Image, width: int) -> CutFile:
    height = round(image.height * width / image.width)
    largest = next((LARGEST_SIZES[each] for each in WIDTHS if width <= each), LARGEST_SIZES[390])
    return CutFile(width, height, "image/webp", _within(_resized(image, width, height), largest))


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    size = max(1, width), max(1, height)
    resized = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    resized.info = {}  # Pillow would write a profile and EXIF that are here
    return resized


def _within(image: Image.Image, largest: int) -> bytes:
    """Returns the best file of at most `largest` bytes, or else the smallest.

    Files grow with their quality. Most fit at once, and the others take four more tries.
    """
    best = smallest = _encoded(image, quality=_QUALITIES[0])
    if len(best) <= largest:
        return best
    fits, low, high = False, 1, len(_QUALITIES) - 1
    while low <= high:
        middle = (low + high) // 2
        tried = _encoded(image, quality=_QUALITIES[middle])
        smallest = min(smallest, tried, key=len)
        if len(tried) <= largest:
            best, fits, high = tried, True, middle - 1
        else:
            low = middle + 1
    return best if fits else smallest


def _encoded(image: Image.Image, *, quality: int = 80, lossless: bool = False) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, lossless=lossless, method=4)
    return file.getvalue()


def _damaged(field: str) -> Invalid:
    message = "This file is damaged or not complete. Save the picture again, and send that file."
    return Invalid.field(field, "picture_damaged", message)


def _too_many_pixels(field: str) -> Invalid:
    message = "Send a smaller picture: this one has more than 40 megapixels."
    return Invalid.field(field, "picture_too_many_pixels", message)
