"""Our own icons: SVG files in the folder ``icons``, 24 by 24, one colour (``currentColor``, white where nobody says another).

Flow files name icons as Node-RED does, by file or by Font Awesome name; both lead to one of ours.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

ICONS = Path(__file__).resolve().parent / "icons"
DEFAULT = "arrow-in"
FONT_AWESOME = "font-awesome/"

_LIKE = {
    "add": "plus plus-circle plus-square plus-square-o",
    "alert": "exclamation-triangle warning",
    "arrow-down": "long-arrow-down arrow-circle-down arrow-circle-o-down hand-o-down",
    "arrow-left": "long-arrow-left arrow-circle-left arrow-circle-o-left reply mail-reply hand-o-left",
    "arrow-right": "long-arrow-right arrow-circle-right arrow-circle-o-right share mail-forward hand-o-right",
    "arrow-up": "long-arrow-up arrow-circle-up arrow-circle-o-up hand-o-up",
    "battery": "battery-full battery-empty battery-half battery-quarter battery-three-quarters battery-0 battery-1 battery-2 "
    "battery-3 battery-4",
    "bell": "bell-o bell-slash bell-slash-o bullhorn",
    "bolt": "flash",
    "book": "address-book address-book-o university graduation-cap",
    "bookmark": "bookmark-o",
    "calendar": "calendar-o calendar-check-o calendar-plus-o calendar-minus-o calendar-times-o",
    "car": "automobile taxi cab truck bus motorcycle bicycle train subway ship plane",
    "chart": "line-chart area-chart bar-chart bar-chart-o pie-chart",
    "check": "check-circle check-circle-o check-square check-square-o thumbs-up thumbs-o-up",
    "chevron-down": "angle-down angle-double-down caret-down",
    "chevron-left": "angle-left angle-double-left caret-left backward fast-backward step-backward",
    "chevron-right": "angle-right angle-double-right caret-right forward fast-forward",
    "chevron-up": "angle-up angle-double-up caret-up",
    "clock": "clock-o",
    "close": "times times-circle times-circle-o ban remove minus-circle window-close thumbs-down thumbs-o-down",
    "cloud": "cloud-download cloud-upload soundcloud",
    "code": "file-code-o css3 html5",
    "cog": "cogs gear gears sliders",
    "comment": "comment-o comments comments-o commenting commenting-o quote-left quote-right whatsapp telegram slack",
    "copy": "files-o clone",
    "cube": "cubes archive dropbox codepen",
    "cut": "scissors",
    "db": "database hdd-o",
    "download": "arrow-circle-o-down save floppy-o inbox",
    "drag": "ellipsis-v arrows bars",
    "edit": "pencil pencil-square pencil-square-o paint-brush magic",
    "envelope": "envelope-o envelope-open envelope-open-o envelope-square at send paper-plane paper-plane-o",
    "error": "exclamation exclamation-circle",
    "expand": "arrows-alt",
    "external-link": "external-link-square share-square share-square-o",
    "eye": "low-vision binoculars",
    "eye-off": "eye-slash",
    "feed": "rss rss-square podcast",
    "file": "file-o file-text file-text-o file-pdf-o file-word-o sticky-note sticky-note-o newspaper-o",
    "filter": "sort-amount-desc",
    "flag": "flag-o flag-checkered",
    "folder": "folder-o folder-open folder-open-o",
    "gauge": "tachometer dashboard",
    "grid": "th th-large object-group qrcode",
    "hash": "hashtag calculator percent",
    "heart": "heart-o heartbeat",
    "help": "question question-circle question-circle-o life-ring",
    "history": "rotate-left",
    "home": "building building-o hospital-o industry",
    "image": "picture-o photo file-image-o camera camera-retro",
    "info": "info-circle",
    "join": "compress",
    "key": "id-card id-card-o id-badge",
    "layers": "stack-overflow",
    "light": "lightbulb-o",
    "link": "chain",
    "link-call": "exchange retweet",
    "list": "list-ul list-ol list-alt tasks align-left align-justify",
    "location": "map-marker location-arrow crosshairs street-view",
    "lock": "shield user-secret",
    "map": "map-o map-signs compass",
    "menu": "navicon reorder",
    "microchip": "usb bluetooth bluetooth-b",
    "moon": "moon-o",
    "more": "ellipsis-h",
    "paste": "clipboard",
    "phone": "mobile mobile-phone tablet phone-square fax volume-control-phone",
    "pin": "thumb-tack",
    "play": "play-circle play-circle-o youtube-play",
    "power": "power-off toggle-on toggle-off",
    "random": "code-fork sitemap share-alt",
    "record": "circle circle-o dot-circle-o circle-thin",
    "refresh": "repeat rotate-right spinner circle-o-notch recycle",
    "remove": "minus minus-square minus-square-o",
    "search": "search-plus search-minus",
    "server": "desktop laptop television tv",
    "sign-in": "arrow-circle-right",
    "star": "star-o star-half star-half-o trophy certificate",
    "step": "step-forward eject",
    "stop": "stop-circle stop-circle-o square square-o hand-paper-o hand-stop-o",
    "sun": "sun-o fire",
    "table": "columns",
    "tag": "tags ticket barcode",
    "terminal": "keyboard-o linux",
    "thermometer": "thermometer-full thermometer-empty thermometer-half thermometer-quarter thermometer-three-quarters tint",
    "timer": "hourglass hourglass-o hourglass-half hourglass-start hourglass-end",
    "trash": "trash-o eraser",
    "undo": "rotate-left",
    "unlock": "unlock-alt",
    "user": "user-o user-circle user-circle-o male female child",
    "users": "group handshake-o",
    "video": "video-camera film file-video-o",
    "volume": "volume-up volume-down volume-off music microphone headphones",
    "white-globe": "globe language wikipedia-w internet-explorer chrome firefox",
    "wifi": "signal",
    "wrench": "medkit gavel",
}
_BY_FONT_AWESOME = {name: ours for ours, names in _LIKE.items() for name in names.split()}


@cache
def names() -> frozenset[str]:
    """The names of all icons, without their ending."""
    return frozenset(path.stem for path in ICONS.glob("*.svg"))


def closest(name: str) -> str:
    """The name of our icon for what a flow file says: ``inject.svg``, ``rbe.png``, ``node-red/inject.svg``,
    ``font-awesome/fa-bolt`` or ``fa-bolt``; the default one when there is none like it."""
    bare = name.rpartition("/")[2].rpartition(".")[0] or name.rpartition("/")[2]
    if bare.startswith("fa-"):
        bare = bare.removeprefix("fa-")
        bare = bare if bare in names() else _BY_FONT_AWESOME.get(bare, bare)
    return bare if bare in names() else DEFAULT


def read(name: str) -> bytes:
    """The SVG of the icon that :func:`closest` finds."""
    return (ICONS / f"{closest(name)}.svg").read_bytes()
