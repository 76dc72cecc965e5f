#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens flame graphs in headless Chromium, uses them with a real mouse and keyboard, and prints TAP.

flamegraph.py MAKE-FLAMEGRAPH SCREENSHOT.png
"""
import os
import random
import subprocess
import sys
import tempfile
import traceback

import webdriver

HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>\"&amp"
SMALL = {
    "nginx;main;serve;parse_headers;memchr": 120,
    "nginx;main;serve;render<std::string>;deflate": 300,
    "nginx;main;serve;render<std::string>;deflate;longest_match": 380,
    "nginx;main;serve;do_syscall_64_[k];vfs_write_[k];tcp_sendmsg_[k]": 150,
    "nginx;main;serve;libssl.so.3+0x1f2a4": 40,
    "nginx;main;walk;walk;walk": 10,
    f"nginx;main;{HOSTILE}": 5,
    "log writer;run;fsync;do_syscall_64_[k];ext4_sync_file_[k]": 95,
}
SMALL_TOTAL = sum(SMALL.values())
LIMIT_MS = 1000
N_BIG = 200_000
WINDOW_SECONDS = 0.01


class Tap:
    def __init__(self):
        self.n = self.n_failed = 0

    def check(self, good, name, *facts):
        self.n += 1
        self.n_failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}", flush=True)
        for fact in facts:
            print(f"# {fact}", flush=True)

    def equal(self, got, wanted, name):
        self.check(got == wanted, name, *([] if got == wanted else [f"got    {got!r}", f"wanted {wanted!r}"]))


def big_stacks():
    """Unique stacks of 20 to 40 frames: each leaves the one before it somewhere, more often deep than not."""
    r = random.Random(1)
    names = [f"service::layer_{i % 97}::call_{i}(std::string const&)" for i in range(20_000)]
    names += [f"sys_path_{i}_[k]" for i in range(2_000)] + [f"libx{i % 9}.so+0x{i:x}" for i in range(2_000)]
    stack = []
    for i in range(N_BIG):
        depth = r.randint(20, 40)
        stack = stack[:int(depth * r.random() ** 0.5)]
        stack += r.choices(names, k=depth - len(stack))
        yield f"worker-{i * 8 // N_BIG};{';'.join(stack)};leaf_{i} {r.randint(1, 9)}\n"


def make_page(program, path, lines, title, seconds=str(WINDOW_SECONDS), *before):
    with open(path, "wb") as f:
        subprocess.run([program, title, "browser test", seconds, *before], input="".join(lines).encode(), stdout=f,
                       check=True)


def open_page(browser, path):
    browser.open(path)
    browser.wait("""const done = arguments[0];
        const look = () => document.body.dataset.state === 'ready' ? done() : setTimeout(look, 5);
        look();""")


def rect(browser, name):
    return browser.run("return flamegraph.rectOf(arguments[0])", name)


def centre(browser, name):
    r = rect(browser, name)
    return r["x"] + r["width"] / 2, r["y"] + r["height"] / 2


def current(browser):
    return browser.run("return flamegraph.current().name")


def text(browser, selector):
    return browser.run("return document.querySelector(arguments[0]).textContent", selector)


def pixel(browser, x, y):
    """Colour of the canvas at a point of the window."""
    return browser.run("""const c = document.getElementById('canvas'), b = c.getBoundingClientRect();
        const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        copy.drawImage(c, b.left - arguments[0], b.top - arguments[1]);
        return [...copy.getImageData(0, 0, 1, 1).data]""", x, y)


def edge_pixel(browser, name):
    """Where a frame has no text."""
    r = rect(browser, name)
    return pixel(browser, round(r["x"] + 2), round(r["y"] + 2))


def check_content(tap, browser):
    tap.equal(browser.run("return document.title"), "web <1> & co", "the title is the unit's, unharmed")
    tap.equal(browser.run("return flamegraph.total"), SMALL_TOTAL, "all samples are there")
    tap.equal(browser.run("return performance.getEntriesByType('resource').length"), 0, "nothing else is loaded")
    tap.check(rect(browser, "longest_match") and rect(browser, "ext4_sync_file"), "frames of all depths are drawn")
    tap.equal(browser.run("return window.pwned"), None, "a hostile name runs no script")
    tap.check(rect(browser, HOSTILE) is not None, "a hostile name is shown as it is")

    whole, main = rect(browser, "all"), rect(browser, "main")
    share = main["width"] / whole["width"]
    tap.check(abs(share - (SMALL_TOTAL - 95) / SMALL_TOTAL) < 1e-6, "a frame is as wide as its share", share)
    colors = {tuple(edge_pixel(browser, name)) for name in ("deflate", "tcp_sendmsg", "libssl.so.3+0x1f2a4")}
    tap.equal(len(colors), 3, "user, kernel and unknown code differ in colour")
    top = browser.run("return flamegraph.top().slice(0, 2)")
    tap.equal([tuple(row.values()) for row in top], [("longest_match", 380, 380), ("deflate", 300, 680)],
              "the hottest functions are counted")
    walk = browser.run("return flamegraph.top('self', 100).find(row => row.name === 'walk').total")
    tap.equal(walk, 10, "a recursive function counts once in total")
    rows = browser.wait("""const done = arguments[0], rows = document.getElementById('functions').rows;
        const look = () => rows.length > 0 ? done([...rows].map(row => row.cells[2].textContent)) : setTimeout(look, 5);
        look();""")
    tap.equal(rows[:2], ["longest_match", "deflate"], "the table lists them")


def check_mouse(tap, browser):
    browser.move(*centre(browser, "deflate"))
    tip = browser.run("""const t = document.getElementById('tooltip');
        return { hidden: t.hidden, name: t.querySelector('b').textContent,
                 values: [...t.querySelectorAll('dd')].map(dd => dd.textContent) }""")
    tap.equal(tip, {"hidden": False, "name": "deflate", "values": ["680", "61.8 %", "300", "6.80 s"]},
              "hovering shows name, samples, percent, self and time")

    browser.click(*centre(browser, "serve"))
    tap.equal(current(browser), "serve", "a click zooms")
    tap.equal(rect(browser, "serve")["width"], rect(browser, "all")["width"], "the zoomed frame fills the width")
    crumbs = browser.run("return [...document.querySelectorAll('#crumbs button')].map(b => b.textContent)")
    tap.equal(crumbs, ["all", "nginx", "main", "serve"], "the breadcrumbs are the path")
    browser.move(*centre(browser, "deflate"))
    values = browser.run("return [...document.querySelectorAll('#tooltip dd')].map(dd => dd.textContent)")
    tap.equal(values[1:3], ["61.8 %", "68.7 %"], "the tooltip has the percent of all and of the zoomed frame")

    browser.click(*centre(browser, "main"))
    tap.equal(current(browser), "main", "a click on a frame above goes there")
    browser.click(*browser_point(browser, "#crumbs button"))
    tap.equal(current(browser), "all", "a click on a breadcrumb goes there")

    browser.click(*centre(browser, "deflate"))
    browser.click(*browser_point(browser, "#reset"))
    tap.equal(current(browser), "all", "reset shows everything")
    browser.click(*centre(browser, "serve"))
    browser.click(*centre(browser, "deflate"), times=2)
    tap.equal(current(browser), "all", "a double click goes back")

    before = rect(browser, "nginx")["y"] - rect(browser, "all")["y"]
    browser.click(*browser_point(browser, "#flip"))
    after = rect(browser, "nginx")["y"] - rect(browser, "all")["y"]
    tap.check(before > 0 > after, "flip turns the graph over", before, after)
    browser.click(*centre(browser, "fsync"))
    tap.equal(current(browser), "fsync", "a click hits the frame in the flipped graph too")
    browser.click(*browser_point(browser, "#flip"))
    browser.run("flamegraph.reset()")


def browser_point(browser, selector):
    return browser.run("""const r = document.querySelector(arguments[0]).getBoundingClientRect();
        return [r.x + r.width / 2, r.y + r.height / 2]""", selector)


def after_drawing(browser):
    browser.wait("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))")


def check_keyboard(tap, browser):
    plain = edge_pixel(browser, "deflate")
    browser.keys("/", "deflate")
    after_drawing(browser)
    tap.equal(browser.run("return document.activeElement.id"), "search", "slash goes to the search")
    tap.equal(text(browser, "#matched"), "matched: 61.8 % (680 samples)", "the search counts each stack once")
    tap.check(edge_pixel(browser, "deflate") != plain, "a match is highlighted")
    tap.check(edge_pixel(browser, "deflate") != edge_pixel(browser, "longest_match"), "and only a match is")
    browser.keys("Escape")
    after_drawing(browser)
    tap.equal(text(browser, "#matched"), "", "Escape ends the search")
    tap.equal(edge_pixel(browser, "deflate"), plain, "and the highlight")

    tap.equal(browser.run("return flamegraph.search('/^walk$/')"),
              {"matchedPercent": 100 * 10 / SMALL_TOTAL, "frames": 3, "samples": 10},
              "a regex counts all frames, and their stacks once")
    browser.run("flamegraph.search('/(/')")
    tap.equal(text(browser, "#matched"), "no valid regex", "a bad regex is said to be one")
    browser.run("flamegraph.search('')")

    browser.keys("Down", "Down", "Down", "Enter")
    tap.equal(current(browser), "main", "arrow keys and Enter zoom")
    browser.keys("Down", "Right", "Enter")
    tap.equal(current(browser), "walk", "arrow keys go sideways")
    browser.keys("Backspace")
    tap.equal(current(browser), "main", "Backspace goes one zoom back")
    browser.keys("Escape")
    tap.equal(current(browser), "all", "Escape shows everything")


def check_colors(tap, browser):
    light = pixel(browser, *empty_point(browser)), edge_pixel(browser, "deflate")
    browser.prefer_colors("dark")
    after_drawing(browser)
    dark = pixel(browser, *empty_point(browser)), edge_pixel(browser, "deflate")
    tap.check(sum(dark[0][:3]) < 150 < 600 < sum(light[0][:3]), "the page is dark where that is preferred", light, dark)
    tap.check(sum(dark[1][:3]) < sum(light[1][:3]), "and so are the frames")


def empty_point(browser):
    """Where the canvas shows no frame: under the deepest one's neighbour."""
    r = rect(browser, "longest_match")
    return r["x"] + r["width"] + 20, r["y"] + r["height"] / 2


def check_policy(tap, browser):
    """The page must not be able to talk, nor to run what is not its own. Fills the console."""
    ran = browser.wait("""const done = arguments[0], script = document.createElement('script');
        script.textContent = 'window.foreign = 1';
        document.body.append(script);
        const image = new Image();
        image.onload = image.onerror = event => done([window.foreign ?? 0, event.type]);
        image.src = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';""")
    tap.equal(ran, [0, "error"], "the policy of the page allows no other script and no other resource")
    browser.console()


def check_small(tap, browser, program, directory, screenshot):
    path = os.path.join(directory, "small.html")
    make_page(program, path, [f"{stack} {count}\n" for stack, count in SMALL.items()], "web <1> & co")
    open_page(browser, path)
    check_content(tap, browser)
    check_mouse(tap, browser)
    check_keyboard(tap, browser)
    tap.equal(browser.console(), [], "the console stays empty")
    browser.move(*centre(browser, "deflate"))
    browser.run("flamegraph.search('syscall')")
    check_colors(tap, browser)
    browser.screenshot(screenshot.replace(".png", "-dark.png"))
    browser.prefer_colors("light")
    check_policy(tap, browser)


def check_edges(tap, browser, program, directory):
    path = os.path.join(directory, "empty.html")
    make_page(program, path, [], "")
    open_page(browser, path)
    tap.check("no samples" in text(browser, "#graph"), "an empty profile says so")

    path = os.path.join(directory, "deep.html")
    make_page(program, path, ["t" + ";f" * 5000 + ";bottom 7\n"], "deep")
    open_page(browser, path)
    tap.check(browser.run("return flamegraph.zoom('bottom')"), "a stack of 5000 frames opens")
    after_drawing(browser)
    browser.click(*centre(browser, "bottom"))
    tap.equal(current(browser), "bottom", "its last frame is scrolled to")
    tap.equal(browser.console(), [], "the console stays empty at the edges")


def tooltip(browser, name):
    browser.move(*centre(browser, name))
    return browser.run("""const t = document.getElementById('tooltip'), of = tag => [...t.querySelectorAll(tag)];
        return Object.fromEntries(of('dt').map((dt, i) => [dt.textContent, of('dd')[i].textContent]))""")


def check_diff(tap, browser, program, directory, screenshot):
    before, path = os.path.join(directory, "before.folded"), os.path.join(directory, "diff.html")
    with open(before, "w") as f:
        f.write("t;main;steady 10\nt;main;falls 20\nt;main;gone 10\n")
    make_page(program, path, ["t;main;steady 100\n", "t;main;falls 100\n", "t;main;grows 200\n"], "diff", "0.01", before)
    open_page(browser, path)

    tap.equal(tooltip(browser, "falls"), {"before": "50.0 % (20)", "during": "25.0 % (100)", "change": "\u221225.0 points",
              "self change": "\u221225.0 points"}, "a difference shows both shares and the change")
    tap.equal(tooltip(browser, "grows"), {"before": "0.0 % (0)", "during": "50.0 % (200)", "change": "+50.0 points",
              "self change": "+50.0 points"}, "what is new grew by its whole share")
    tap.equal(tooltip(browser, "steady")["change"], "\u00b10.00 points", "ten times the samples are no change of the share")
    tap.equal(rect(browser, "gone"), None, "widths are those of the later profile")
    share = rect(browser, "grows")["width"] / rect(browser, "all")["width"]
    tap.check(abs(share - 0.5) < 1e-6, "half of the later samples is half of the width", share)

    red, blue, grey = (edge_pixel(browser, name) for name in ("grows", "falls", "steady"))
    tap.check(red[0] > red[2] + 40, "what grew is red", red)
    tap.check(blue[2] > blue[0] + 40, "what shrank is blue", blue)
    tap.check(max(grey[:3]) - min(grey[:3]) < 20, "what kept its share is grey", grey)
    legend = browser.run("return [...document.querySelectorAll('#legend li')].map(li => li.textContent)")
    tap.equal(legend, ["smaller share than before", "as before", "larger share"], "the legend tells the colours")

    cells = browser.wait("""const done = arguments[0], rows = document.getElementById('functions').rows;
        const look = () => rows.length > 0 ? done([...rows].map(row => [row.cells[2].textContent,
            row.cells[0].querySelector('span').textContent])) : setTimeout(look, 5);
        look();""")
    tap.equal(cells, [["grows", "+50.0"], ["falls", "\u221225.0"], ["gone", "\u221225.0"]],
              "the table has the changes, of what is gone too")
    browser.keys("/", "falls")
    after_drawing(browser)
    tap.equal(text(browser, "#matched"), "matched: 25.0 % (100 samples), before 50.0 %", "a search counts both sides")
    browser.keys("Escape")
    browser.click(*centre(browser, "main"))
    tap.equal(current(browser), "main", "a click zooms a difference")
    tap.equal(browser.console(), [], "the console stays empty with a difference")
    browser.screenshot(screenshot.replace(".png", "-diff.png"))


def check_times(tap, browser, program, directory):
    path = os.path.join(directory, "times.html")
    make_page(program, path, ["t;main;read_[k] 1500000\n", "t;main;poll_[k] 500000\n"], "off-cpu", "time")
    open_page(browser, path)
    tap.check("2.00 s blocked" in text(browser, "#subtitle"), "times off CPU are added up as times")
    tap.equal(tooltip(browser, "read"), {"blocked": "1.50 s", "of all": "75.0 %", "self": "1.50 s"},
              "and shown as times, once")


CLICK_TO_DRAWN = """
    window.drawn = new Promise(done => {
        const onClick = event => requestAnimationFrame(() => requestAnimationFrame(() =>
            done(performance.now() - event.timeStamp)));
        document.getElementById('canvas').addEventListener('click', onClick, { once: true });
    });
"""


def timed_click(browser, point):
    browser.run(CLICK_TO_DRAWN)
    browser.click(*point)
    return browser.wait("window.drawn.then(arguments[0])")


def check_big(tap, browser, program, directory, screenshot):
    path = os.path.join(directory, "big.html")
    make_page(program, path, big_stacks(), "big.service")
    open_page(browser, path)

    nodes, ready = browser.run("return [flamegraph.nodes, flamegraph.timings.ready]")
    print(f"# {N_BIG} stacks, {nodes} frames, {os.path.getsize(path) / 1e6:.1f} MB", flush=True)
    tap.check(ready < LIMIT_MS, "200000 stacks: drawn within a second of opening", f"{ready:.0f} ms")

    zoom = timed_click(browser, centre(browser, "worker-3"))
    tap.equal(current(browser), "worker-3", "200000 stacks: a click zooms")
    tap.check(zoom < LIMIT_MS, "200000 stacks: a click is drawn within a second", f"{zoom:.0f} ms")
    browser.screenshot(screenshot)

    back = timed_click(browser, centre(browser, "all"))
    tap.check(back < LIMIT_MS, "200000 stacks: the way back is drawn within a second", f"{back:.0f} ms")

    found = browser.run("const t = performance.now(); return [flamegraph.search('leaf_'), performance.now() - t]")
    tap.equal(found[0], {"matchedPercent": 100, "frames": N_BIG, "samples": browser.run("return flamegraph.total")},
              "200000 stacks: every stack is unique and found")
    tap.check(found[1] < LIMIT_MS, "200000 stacks: the search answers within a second", f"{found[1]:.0f} ms")
    tap.equal(browser.console(), [], "200000 stacks: the console stays empty")


def main(program, screenshot):
    tap = Tap()
    try:
        with tempfile.TemporaryDirectory() as directory, webdriver.Browser() as browser:
            check_small(tap, browser, program, directory, screenshot)
            check_edges(tap, browser, program, directory)
            check_diff(tap, browser, program, directory, screenshot)
            check_times(tap, browser, program, directory)
            check_big(tap, browser, program, directory, screenshot)
    except Exception as error:
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")
        print(f"Bail out! {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return 1
    print(f"1..{tap.n}")
    return 1 if tap.n_failed else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
