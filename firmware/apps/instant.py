"""A moment that somebody wrote down, for applications that are sent some. The way back is clock.iso."""


def parse_iso(text):
    """Whole seconds since 1970 from ``2026-11-21T08:30:00Z``, a fraction or an offset allowed.

    The fraction is cut off. ValueError for anything else.
    """
    if not isinstance(text, str) or len(text) < 20 or text[4] + text[7] + text[10] != "--T":
        raise ValueError("not an ISO 8601 time")
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    seconds = int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    zone = text[19:]
    if zone[0] == ".":
        digits = 1
        while digits < len(zone) and zone[digits] in "0123456789":
            digits += 1
        zone = zone[digits:]
    if zone not in ("Z", "z"):
        if len(zone) != 6 or zone[0] not in "+-":
            raise ValueError("not an ISO 8601 time")
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError("not an ISO 8601 time")
    # The same eras as in iso(), the other way round.
    year -= month < 3
    days = year // 400 * 146097
    year %= 400
    days += year * 365 + year // 4 - year // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (days - 719468) * 86400 + seconds
