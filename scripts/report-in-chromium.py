#!/usr/bin/env python3
"""Opens report.html in a headless Chromium and checks what people would see, at two widths, light and dark.

usage: report-in-chromium.py [--screenshots DIR] [--charts KIND,...] RUN_DIRECTORY...

Of each directory's report: no error or warning on the console, no request to anywhere; every chart drawn, and the kinds
asked for there; nothing wider than the page; no two texts on each other and none cut; every figure equal to the one at its
path in result.json, as its data and as it is written. Needs Chromium and the package websocket-client.
"""

import argparse
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import websocket

VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]

# Runs in the page; returns what is wrong with its looks, and its figures.
INSPECTION = r"""
(() => {
  const problems = [];
  const shown = element => element.checkVisibility();
  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) problems.push(`the page is ${over} px wider than the window`);
  const charts = [...document.querySelectorAll('figure[data-chart]')].map(figure => {
    const drawn = [...figure.querySelectorAll('svg')].filter(shown);
    const marks = drawn.length === 1 ? drawn[0].querySelectorAll('path, rect, circle').length : 0;
    if (drawn.length !== 1) problems.push(`${figure.dataset.chart}: ${drawn.length} pictures are shown`);
    else if (marks === 0) problems.push(`${figure.dataset.chart}: nothing is drawn`);
    for (const mark of drawn.flatMap(svg => [...svg.querySelectorAll('.line, .fill')])) {
      const style = getComputedStyle(mark);
      const paint = mark.classList.contains('line') ? style.stroke : style.fill;
      if (paint === 'none' || paint === style.getPropertyValue('--page')) problems.push(`${figure.dataset.chart}: an invisible mark`);
    }
    return figure.dataset.chart;
  });
  // A text's boxes are those of its glyphs, line by line.
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || !shown(parent) || parent.closest('script, style, title')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      // Glyphs are lower than their lines.
      const trim = box.height * 0.22;
      boxes.push({node, text: node.data.trim().slice(0, 40), left: box.left, right: box.right,
        top: box.top + scrollY + trim, bottom: box.bottom + scrollY - trim, scrolls: !!parent.closest('.scroll'),
        svg: parent.closest('svg')});
    }
  }
  boxes.sort((one, two) => one.top - two.top);
  boxes.forEach((one, place) => {
    if (!one.scrolls && (one.left < -0.5 || one.right > innerWidth + 0.5)) problems.push(`cut at a side: ${one.text}`);
    if (one.svg) {
      const frame = one.svg.getBoundingClientRect();
      if (one.left < frame.left - 1 || one.right > frame.right + 1) problems.push(`beyond its chart: ${one.text}`);
    }
    for (let next = place + 1; next < boxes.length && boxes[next].top < one.bottom; next++) {
      const two = boxes[next];
      if (two.node === one.node) continue;
      if (Math.min(one.right, two.right) - Math.max(one.left, two.left) > 0.5
          && Math.min(one.bottom, two.bottom) - two.top > 0.5) {
        problems.push(`on each other: ${one.text} | ${two.text}`);
      }
    }
  });
  const figures = [...document.querySelectorAll('[data-path]')].map(element => ({...element.dataset, text: element.textContent}));
  return {problems, charts, figures, result: document.getElementById('result').textContent,
    status: document.getElementById('verdict').dataset.status};
})()
"""

UNITS = {"": 1, "B": 1, "B/s": 1, "bit/s": 1, "s": 1, "ms": 1e-3, "µs": 1e-6, "%": 0.01}
for power, prefix in enumerate("kMGTP", start=1):
    for unit in ("B", "B/s", "bit/s"):
        UNITS[prefix + unit] = 1000**power
# What a figure's own unit is in those.
OWN = {"bit-rate": 8, "micros": 1e-6}


class Browser:
    """A headless Chromium and its one page, over the DevTools protocol."""

    def __init__(self) -> None:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if path is None:
            sys.exit("Chromium is not installed")
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                 "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={self.home.name}"]
        self.process = subprocess.Popen([path, *flags, "about:blank"], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"ws://\S+", line):
                break
        else:
            sys.exit("Chromium did not start")
        self.socket = websocket.create_connection(found[0], timeout=60)
        self.number, self.events, self.session = 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(json.loads(self.socket.recv()))

    def open(self, url: str, width: int, scheme: str):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        evaluated = self.call("Runtime.evaluate", expression=INSPECTION, returnByValue=True)
        if "exceptionDetails" in evaluated:
            raise RuntimeError(f"the page cannot be inspected: {evaluated['exceptionDetails']}")
        return evaluated["result"]["value"]

    def complaints(self, url: str) -> list[str]:
        """What the page said on the console, and asked of the network."""
        said = []
        for event in self.events:
            params = event.get("params", {})
            match event.get("method"):
                case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                    said.append(f"console: {json.dumps(params)[:200]}")
                case "Log.entryAdded":
                    said.append(f"log: {params['entry']['text'][:200]}")
                case "Network.requestWillBeSent" if params["request"]["url"] not in (url, "data:,"):
                    said.append(f"a request to {params['request']['url'][:200]}")
        return said

    def screenshot(self, path: pathlib.Path, width: int) -> None:
        height = self.call("Page.getLayoutMetrics")["cssContentSize"]["height"]
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, 12000), "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def print(self, path: pathlib.Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.home.cleanup()


def wrong_figures(figures: list[dict], result: dict) -> list[str]:
    """Figures of the page that are not those of the result."""
    wrong = []
    for figure in figures:
        value = result["variants"][int(figure["variant"])]
        where = f"{value['name']} {figure['path']}"
        for key in figure["path"].split("."):
            value = value[key]
        if float(figure["value"]) != float(value):
            wrong.append(f"{where} is {figure['value']}, but {value} in result.json")
        if "unit" in figure:
            number, _, unit = figure["text"].replace("!", "").strip().replace(",", "").partition(" ")
            shown, expected = float(number) * UNITS[unit], value * OWN.get(figure["unit"], 1)
            # Three digits, or three decimals.
            if abs(shown - expected) > max(0.0051 * abs(expected), 0.00051 * UNITS[unit]):
                wrong.append(f"{where} reads {figure['text']}, but is {value} in result.json")
    return wrong


def check(browser: Browser, directory: pathlib.Path, kinds: list[str], screenshots: pathlib.Path | None) -> list[str]:
    url = (directory / "report.html").resolve().as_uri()
    result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    problems = []
    for width, scheme in VIEWS:
        page = browser.open(url, width, scheme)
        found = page["problems"] + browser.complaints(url) + wrong_figures(page["figures"], result)
        found += [f"there is no chart {kind}" for kind in kinds if kind not in page["charts"]]
        if len(page["figures"]) < 5:
            found.append(f"there are {len(page['figures'])} figures only")
        if json.loads(page["result"]) != result:
            found.append("the embedded result is not result.json")
        if page["status"] != result["verdict"]["status"]:
            found.append(f"the verdict reads {page['status']}")
        problems += [f"{directory.name} at {width} px, {scheme}: {problem}" for problem in found]
        print(f"{directory.name} at {width} px, {scheme}: {len(page['charts'])} charts, {len(page['figures'])} figures, "
              f"{len(found)} problems")
        if screenshots:
            browser.screenshot(screenshots / f"{directory.name}-{width}-{scheme}.png", width)
    if screenshots:
        browser.print(screenshots / f"{directory.name}.pdf")
    return problems


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--screenshots", type=pathlib.Path, help="leave pictures, and the page as it prints, here")
    arguments.add_argument("--charts", default="", help="kinds of charts that must be there")
    arguments.add_argument("directories", nargs="+", type=pathlib.Path)
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    kinds = [kind for kind in given.charts.split(",") if kind]
    browser = Browser()
    try:
        problems = [p for directory in given.directories for p in check(browser, directory, kinds, given.screenshots)]
    finally:
        browser.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
