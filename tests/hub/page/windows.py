"""What is asked of a window of the browser."""

from axe_playwright_python.sync_playwright import Axe

SERIOUS = ("serious", "critical")  # axe-core's words for what keeps people out


def serious(page):
    """What axe-core finds in it that keeps people out: rule, explanation and element."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["help"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]


def width(page):
    """How many pixels wide its content is."""
    return page.evaluate("document.documentElement.scrollWidth")
