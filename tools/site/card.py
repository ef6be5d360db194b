"""Draw the picture that is shown where a link to a page is shared."""

import textwrap
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

PAPER, LINE, INK, SOFT, WARM = "#fcfbf8", "#dedad0", "#24272e", "#5b606b", "#9a4a12"  # as in styles.css
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")  # matplotlib brings DejaVu: the same card on every machine


def draw_card(title: str, description: str, site: str, thumbnail: Path, to: Path) -> None:
    "Draw a page's preview card from its title, its summary, the site's title and a picture, as a PNG file."
    image = Image.new("RGB", (1200, 630), PAPER)  # what the services that show previews ask for
    draw = ImageDraw.Draw(image)
    draw.rectangle((72, 84, 168, 92), fill=WARM)
    y = 116
    for font, size, colour, lines in (
        ("DejaVuSerif-Bold", 58, INK, textwrap.wrap(title, 16)[:3]),
        ("DejaVuSans", 27, SOFT, ["", *textwrap.wrap(description, 40)[:7]]),
    ):
        for line in lines:
            draw.text((72, y), line, font=ImageFont.truetype(FONTS / f"{font}.ttf", size), fill=colour)
            y += round(size * 1.35) if line else 18
    draw.text((72, 545), site, font=ImageFont.truetype(FONTS / "DejaVuSans-Bold.ttf", 24), fill=INK)
    draw.rectangle((707, 147, 1151, 415), fill=LINE)
    image.paste("#ffffff", (709, 149, 1149, 413))
    with Image.open(thumbnail) as picture:
        picture = picture.convert("RGBA").resize((440, 264), Image.Resampling.LANCZOS)
    image.paste(picture, (709, 149), picture)
    image.quantize(96).save(to, "PNG", optimize=True)
