"""Tests what is taken of an upload, and what is refused."""

import io
import struct

import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from services.errors import Invalid
from services.pictures import cutting, headers
from services.pictures.headers import Kind
from tests.support.outside import pictures
from tests.support.outside.pictures import BLUE, RED, file_of, is_near, opened, plain

GREEN = (20, 160, 60)
REFUSALS = {
    "an SVG": (pictures.SVG, "picture_kind"),
    "a GIF": (pictures.GIF, "picture_kind"),
    "a text": (b"Dear organiser, the picture is attached.", "picture_kind"),
    "nothing": (b"", "picture_kind"),
    "a BMP": (file_of(plain(100, 100), "BMP"), "picture_kind"),
    "a TIFF": (file_of(plain(100, 100), "TIFF"), "picture_kind"),
    "a WAV file, which is RIFF too": (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20), "picture_kind"),
    "a PNG that claims 2,500 megapixels": (pictures.bomb(), "picture_too_many_pixels"),
    "a WebP that claims 281 terapixels": (pictures.webp_bomb(), "picture_too_many_pixels"),
    "a picture one row above the limit": (
        pictures.bomb(8000, 5001),
        "picture_too_many_pixels",
    ),
    "a picture without width": (pictures.bomb(0, 500), "picture_damaged"),
    "an animated WebP": (pictures.animation("WEBP"), "picture_animated"),
    "an animated PNG": (pictures.animation("PNG"), "picture_animated"),
    "half a PNG": (pictures.png()[:1000], "picture_damaged"),
    "half a JPEG": (pictures.photograph()[: len(pictures.photograph()) // 2], "picture_damaged"),
    "half a WebP": (file_of(plain(), "WEBP")[:300], "picture_damaged"),
    "a PNG that ends in its head": (pictures.png()[:20], "picture_damaged"),
    "the first three bytes of a JPEG": (b"\xff\xd8\xff", "picture_damaged"),
    "a JPEG without a frame": (b"\xff\xd8\xff\xd9" + bytes(50), "picture_damaged"),
    "the head of a PNG with a body of another": (
        pictures.bomb(800, 450),
        "picture_damaged",
    ),
    "a ribbon": (pictures.png(1600, 399), "picture_shape"),
    "a tower": (pictures.png(400, 801), "picture_shape"),
}


@pytest.mark.parametrize("case", list(REFUSALS))
def test_what_is_refused_names_the_field_and_says_why(case: str) -> None:
    content, code = REFUSALS[case]
    with pytest.raises(Invalid) as refused:
        cutting.picture(content)
    assert (refused.value.code, refused.value.fields[0].field) == (code, "picture")
    assert refused.value.message.startswith(("Send ", "This file is damaged"))


@pytest.mark.parametrize(
    "case", [case for case in REFUSALS if REFUSALS[case][1] != "picture_shape"]
)
def test_a_logo_is_refused_for_the_same_reasons(case: str) -> None:
    content, code = REFUSALS[case]
    with pytest.raises(Invalid) as refused:
        cutting.logo(content)
    assert (refused.value.code, refused.value.fields[0].field) == (code, "logo")


def test_a_file_above_ten_megabytes_is_refused_unread() -> None:
    with pytest.raises(Invalid) as refused:
        cutting.picture(pictures.png(100, 100) + bytes(cutting.LARGEST_FILE))
    assert refused.value.code == "picture_too_large"


def test_a_second_head_behind_the_first_does_not_get_around_the_limit() -> None:
    """Pillow reads every head, and believes the last."""
    small, large = pictures.bomb(800, 450), pictures.bomb()
    both = small[:33] + large[8:33] + small[33:]
    read = headers.read(both)
    assert read is not None
    assert read.width == 800
    with pytest.raises(Invalid) as refused:
        cutting.picture(both)
    assert refused.value.code in ("picture_too_many_pixels", "picture_damaged")


@pytest.mark.parametrize("percent", range(0, 95, 5))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_no_file_that_ends_early_is_more_than_damaged(kind: str, percent: int) -> None:
    whole = file_of(plain(400, 225), kind)
    with pytest.raises(Invalid) as refused:
        cutting.picture(whole[: len(whole) * percent // 100])
    assert refused.value.code in ("picture_kind", "picture_damaged")


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (1600, [390, 780, 1560]),
        (1560, [390, 780, 1560]),
        (1559, [390, 780]),
        (780, [390, 780]),
        (390, [390]),
        (389, [389]),
        (1, [1]),
    ],
)
def test_a_picture_is_cut_to_no_more_than_its_own_width(width: int, widths: list[int]) -> None:
    files = cutting.picture(pictures.png(width, max(1, width * 9 // 16)))
    assert [file.width for file in files] == widths
    for file in files:
        image = opened(file.content)
        assert image.format == "WEBP"
        assert image.size == (file.width, file.height)
        assert file.media_type == "image/webp"


def test_a_phone_held_upright_gives_an_upright_picture_and_nothing_of_the_place() -> None:
    files = cutting.picture(pictures.photograph(orientation=6))
    assert [file.width for file in files] == [390, 780]
    for file in files:
        image = opened(file.content)
        assert image.height > image.width, "it was 1600 by 900, held to the right"
        middle = image.width // 2
        assert is_near(image, (middle, 5), RED), "what the sensor had on its left is on top"
        assert is_near(image, (middle, image.height - 5), BLUE)
        assert not image.getexif()
        assert chunks_of(file.content) == ["VP8 "]
        for trace in (b"Exif", b"Phone", b"garden", b"GPS", b"ICC", b"XMP"):
            assert trace not in file.content


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_to_hold_a_camera_is_put_right(orientation: int) -> None:
    image = plain(800, 450)
    image.paste(GREEN, (0, 225, 400, 450))
    tagged = Image.Exif()
    tagged[0x0112] = orientation
    content = file_of(image, "JPEG", exif=tagged, quality=95)
    expected = ImageOps.exif_transpose(opened(content))
    shown = opened(cutting.picture(content)[-1].content)
    assert (shown.width > shown.height) is (orientation < 5)
    for across, down in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)):
        colour = expected.getpixel((int(expected.width * across), int(expected.height * down)))
        assert isinstance(colour, tuple)
        place = (int(shown.width * across), int(shown.height * down))
        assert is_near(shown, place, (colour[0], colour[1], colour[2])), (across, down)


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_a_way_to_hold_a_camera_that_there_is_not_turns_nothing(orientation: int) -> None:
    tagged = Image.Exif()
    tagged[0x0112] = orientation
    content = file_of(plain(800, 450), "JPEG", exif=tagged)
    assert is_near(opened(cutting.picture(content)[-1].content), (10, 100), RED)


# Pillow warns of it.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_does_not_spoil_a_picture() -> None:
    content = file_of(plain(800, 450), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffnothing")
    assert is_near(opened(cutting.picture(content)[-1].content), (10, 100), RED)
    content = file_of(plain(800, 450), "JPEG", icc_profile=b"no profile at all" * 20)
    assert is_near(opened(cutting.picture(content)[-1].content), (10, 100), RED)


@pytest.mark.slow
def test_a_png_keeps_none_of_its_texts() -> None:
    info = PngInfo()
    info.add_text("Comment", pictures.PLACE)
    for cut in (cutting.picture, cutting.logo):
        for file in cut(file_of(plain(), pnginfo=info)):
            assert b"garden" not in file.content


def test_the_colours_of_printers_become_those_of_screens() -> None:
    (*_, file) = cutting.picture(file_of(plain(800, 450, "CMYK"), "JPEG", quality=95))
    image = opened(file.content)
    assert image.mode == "RGB"
    assert is_near(image, (10, 100), RED)
    assert is_near(image, (770, 100), BLUE)


def test_a_grey_of_sixteen_bits_stays_grey() -> None:
    grey = Image.new("I;16", (800, 450), 32_768)
    (*_, file) = cutting.picture(file_of(grey))
    assert is_near(opened(file.content), (100, 100), (128, 128, 128))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_kind_of_png_is_taken(mode: str) -> None:
    files = cutting.picture(file_of(plain(800, 450, mode)))
    assert [file.width for file in files] == [390, 780]


def test_a_palette_with_a_clear_colour_is_white_there_in_a_picture_and_clear_in_a_logo() -> None:
    image = Image.new("P", (400, 225), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (200, 0, 400, 225))
    content = file_of(image, transparency=0)
    shown = opened(cutting.picture(content)[0].content)
    assert is_near(shown, (50, 100), (255, 255, 255))
    assert is_near(shown, (380, 100), BLUE)
    logo = opened(cutting.logo(content)[0].content)
    assert logo.mode == "RGBA"
    assert logo.getpixel((5, 5))[3] == 0  # type: ignore[index] # a pixel of four numbers
    assert logo.getpixel((logo.width - 5, 5)) == (*BLUE, 255)


@pytest.mark.slow
def test_even_noise_fits_a_bad_connection() -> None:
    small, middle, _ = cutting.picture(pictures.noise(1600, 900))
    assert len(small.content) <= 25_000
    assert len(middle.content) <= 60_000


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((144, 144), (144, 144)),
        ((1000, 1000), (144, 144)),
        ((4000, 400), (640, 64)),
        ((300, 50), (300, 50)),
        ((10, 3000), (1, 144)),
        ((3000, 10), (640, 2)),
        ((1, 1), (1, 1)),
    ],
)
def test_a_logo_is_made_small_and_never_larger(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    (file,) = cutting.logo(pictures.png(*size))
    assert opened(file.content).size == (file.width, file.height) == expected
    assert len(file.content) <= cutting.LARGEST_LOGO


def test_a_phones_jpeg_of_several_pictures_is_its_first() -> None:
    first, second = plain(800, 450), Image.new("RGB", (800, 450), BLUE)
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    shown = opened(cutting.picture(file.getvalue())[-1].content)
    assert is_near(shown, (10, 100), RED)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_head_says_the_size_of_files_of_every_kind(kind: Kind) -> None:
    for options in ({}, {"lossless": True}) if kind is Kind.WEBP else ({},):
        read = headers.read(file_of(plain(123, 45), kind.upper(), **options))
        assert read == headers.Header(kind, 123, 45)
    clear = file_of(plain(123, 45, "RGBA"), kind.upper()) if kind is not Kind.JPEG else b""
    if clear:
        assert headers.read(clear) == headers.Header(kind, 123, 45)


def chunks_of(webp: bytes) -> list[str]:
    names, place = [], 12
    while place < len(webp):
        (length,) = struct.unpack_from("<I", webp, place + 4)
        names.append(webp[place : place + 4].decode())
        place += 8 + length + length % 2
    return names
