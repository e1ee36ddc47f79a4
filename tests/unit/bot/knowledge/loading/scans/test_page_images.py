"""Pages of files become images: bounded, upright, in shades of grey on white."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot.knowledge.loading.scans.page_images import (
    PictureTooLarge,
    count_pictures,
    is_blank,
    render_pdf,
    render_picture,
)
from tests.fakes.pdf_pages import write_pdf

MANY = 50_000_000


def picture(mode: str, size: tuple[int, int], color: Any) -> Any:
    return Image.new(mode, size, color)


def saved(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_a_page_with_one_small_digit_is_not_blank() -> None:
    page = np.full((1754, 1240), 250, np.uint8)
    page[100:103, 100:103] = 0  # a speck
    assert is_blank(page)
    rendered = render_pdf(write_pdf("BT /F1 8 Tf 300 40 Td (7) Tj ET"), 1)
    assert rendered.shape == (1667, 1250)
    assert not is_blank(rendered)
    assert is_blank(render_pdf(write_pdf(" "), 1))


@pytest.mark.parametrize("box", ["[0 0 20000 20000]", "[0 0 14400 1]", "[0 0 1 14400]"])
def test_a_page_of_any_size_makes_a_bounded_image(box: str) -> None:
    data = write_pdf(" ").replace(b"[0 0 600 800]", box.encode())
    assert render_pdf(data, 1).size <= 6_000 * 2_200


def test_a_photograph_is_turned_upright() -> None:
    sideways = picture("L", (1000, 800), 255)
    sideways.paste(0, (0, 0, 100, 100))  # the bottom left corner, seen upright
    exif = Image.Exif()
    exif[0x0112] = 8
    image = render_picture(saved(sideways, "JPEG", exif=exif), 1, MANY)
    assert image.shape == (1000, 800)
    assert image[-50, 50] < 50
    assert image[50, 50] > 200


@pytest.mark.parametrize(
    ("mode", "color"),
    [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0)), ("CMYK", (0, 0, 0, 0)), ("1", 1), ("I;16", 65_535)],
)
def test_paper_is_white_in_every_mode(mode: str, color: Any) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    image = render_picture(saved(picture(mode, (800, 900), color), kind), 1, MANY)
    assert image.min() > 250


def test_a_large_picture_is_made_smaller_and_a_very_large_one_refused() -> None:
    data = saved(picture("L", (9_000, 6_000), 255))
    with pytest.raises(PictureTooLarge):
        render_picture(data, 1, MANY)
    assert render_picture(data, 1, 60_000_000).size <= 4_500_000
    strip = saved(picture("L", (40_000, 3), 255))
    assert render_picture(strip, 1, MANY).shape == (736, 6_000)


def test_only_a_tiff_has_pages() -> None:
    pages = [picture("L", (800, 900), shade) for shade in (10, 20, 30)]
    fax = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert count_pictures(fax) == 3
    assert render_picture(fax, 3, MANY)[0, 0] == 30
    assert count_pictures(saved(pages[0], "WEBP", save_all=True, append_images=pages[1:])) == 1


def test_writing_in_16_bits_with_a_transparent_shade_was_read_as_blank() -> None:
    shades = np.full((900, 900), 60_000, np.uint16)
    shades[100:200, 100:200] = 20_000
    data = saved(Image.fromarray(shades), transparency=65_535)
    assert not is_blank(render_picture(data, 1, MANY))
