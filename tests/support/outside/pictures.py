"""Pictures as cameras, phones and attackers make them."""

import io
import struct
import zlib

from PIL import Image, ImageCms

RED, BLUE = (220, 20, 30), (20, 40, 220)
PLACE = "Anna's garden, 51.5 north"
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04"


def plain(width: int = 1600, height: int = 900, mode: str = "RGB") -> Image.Image:
    """Returns a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int = 1600, height: int = 900) -> bytes:
    return file_of(plain(width, height))


def photograph(orientation: int = 6) -> bytes:
    """Returns a JPEG that says where and with what it was taken, and how the phone was held."""
    exif = Image.Exif()
    exif[0x010E] = PLACE
    exif[0x0110] = "Example Phone 9"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 0.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    comment = PLACE.encode()
    return file_of(
        plain(1600, 900), "JPEG", exif=exif, icc_profile=profile, comment=comment, quality=90
    )


def noise(width: int, height: int) -> bytes:
    """Returns the picture that is hardest to compress, always the same."""
    image = Image.effect_noise((width, height), 120).convert("RGB")
    return file_of(image, "JPEG", quality=85)


def animation(kind: str) -> bytes:
    """Returns two frames, as WebP or PNG."""
    frames = [plain(400, 225), Image.new("RGB", (400, 225), BLUE)]
    return file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """Returns a PNG of some hundred bytes that claims to be enormous."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content)
        for name, content in (
            (b"IHDR", head),
            (b"IDAT", zlib.compress(bytes(1000))),
            (b"IEND", b""),
        )
    )


def webp_bomb() -> bytes:
    """Returns a WebP file that claims the largest canvas there is, 16,777,216 pixels square."""
    extended = bytes(4) + b"\xff\xff\xff" * 2
    body = b"WEBPVP8X" + struct.pack("<I", len(extended)) + extended
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def is_near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Returns whether a pixel has about this colour."""
    pixel = image.convert("RGB").getpixel(place)
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 40 for one, other in zip(pixel, colour, strict=True))
