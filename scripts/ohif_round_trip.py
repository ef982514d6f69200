"""A diameter edited in stock OHIF comes back and changes the response: the whole round, by itself.

    npm pack @ohif/app@3.12.10 && tar xzf ohif-app-3.12.10.tgz      # its built site: package/dist
    python scripts/ohif_round_trip.py package/dist http://127.0.0.1:8042 [-o FOLDER]

Needs a running Orthanc with DICOMweb (Debian: ``orthanc orthanc-dicomweb``, remote access without a
password), Chromium, and ``pip install playwright``. Not part of the gate: OHIF's page changes from
release to release, and takes minutes on a busy machine.

Writes the phantom, runs ``recist run --dicom``, pushes the second date, opens it in OHIF, drags the
end of the longest diameter outwards, saves, pulls the report back, and fails unless ``recist
receive`` says that the response changed. ``ohif.png`` shows the edited line.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import threading
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pydicom
from playwright.sync_api import Page, sync_playwright

from recist.incoming.receiving import receive
from recist.pacs.archive import Wanted
from recist.pacs.connection import connected
from recist.pacs.patience import Patience
from recist.pacs.pull import pull
from recist.pacs.push import outgoing, push
from recist.pacs.remote import Remote
from recist.patient.options import Options
from recist.phantom.study import write_phantom
from recist.run import batch

DATE = "2024-05-06"
#: OHIF's own configuration, pointed at the archive behind this page's server.
CONFIG = """window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true,
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  investigationalUseDialog: { option: 'never' }, defaultDataSourceName: 'archive',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'archive',
    configuration: {
      friendlyName: 'archive', name: 'archive', wadoUriRoot: '/dicom-web', qidoRoot: '/dicom-web',
      wadoRoot: '/dicom-web', qidoSupportsIncludeField: true, imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true, supportsFuzzyMatching: false,
      supportsWildcard: true, omitQuotationForMultipartRequest: true } }],
};
"""


def site_server(site: Path, archive: str) -> ThreadingHTTPServer:
    """OHIF's site on a free port of the loopback; ``/dicom-web`` is passed on to the archive."""
    target = urlsplit(archive)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, directory=str(site), **named)  # type: ignore[misc]

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            self._pass_on()

        def do_GET(self) -> None:
            path = self.path.split("?", maxsplit=1)[0]
            if path.startswith("/dicom-web"):
                self._pass_on()
            elif path == "/app-config.js":
                self._answer(200, "text/javascript", CONFIG.encode())
            else:
                if not (site / path.lstrip("/")).is_file():
                    self.path = "/index.html"
                super().do_GET()

        def _pass_on(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            link = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
            kept = {
                k: v for k, v in self.headers.items() if k.lower() in ("accept", "content-type")
            }
            body = self.rfile.read(size) if size else None
            link.request(self.command, self.path, body, kept)
            answer = link.getresponse()
            self._answer(answer.status, answer.getheader("Content-Type") or "", answer.read())

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(content)

        def end_headers(self) -> None:  # OHIF's workers share memory
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def edit(page: Page, screenshot: Path) -> None:
    """Load the diameters, drag an end of the shown line outwards by its own length, save."""
    page.get_by_text("CT low dose 3 mm").first.wait_for(timeout=120_000)
    page.wait_for_timeout(6000)
    tour = page.get_by_text("Skip all")
    if tour.count():
        tour.first.click()
    page.get_by_text("Diameters to edit").first.dblclick()
    page.get_by_role("button", name="Yes").first.click(timeout=60_000)
    page.wait_for_timeout(6000)
    page.locator("[data-cy=trackedMeasurements-btn]").first.click()
    page.wait_for_timeout(2000)
    end = page.locator("svg circle[data-id], [data-cy=viewport-pane] svg circle").first
    box = end.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    other = page.evaluate(
        """([x, y]) => {
          const ends = [];
          for (const line of document.querySelectorAll('[data-cy=viewport-pane] svg line')) {
            const m = line.getScreenCTM();
            const at = (a, b) => [m.a * a + m.e, m.d * b + m.f];
            const p = at(+line.getAttribute('x1'), +line.getAttribute('y1'));
            const q = at(+line.getAttribute('x2'), +line.getAttribute('y2'));
            ends.push([p, q], [q, p]);
          }
          const from = ends.filter(([p]) => Math.hypot(p[0] - x, p[1] - y) < 6);
          const far = ([p, q]) => Math.hypot(p[0] - q[0], p[1] - q[1]);
          from.sort((a, b) => far(b) - far(a));
          return from.length ? from[0][1] : null;
        }""",
        [x, y],
    )
    assert other is not None, "no line begins at the handle"
    page.mouse.move(x, y)
    page.wait_for_timeout(400)
    page.mouse.down()
    for step in range(1, 13):
        page.mouse.move(x + (x - other[0]) * step / 12, y + (y - other[1]) * step / 12)
        page.wait_for_timeout(60)
    page.mouse.up()
    page.wait_for_timeout(1500)
    page.screenshot(path=screenshot)
    page.get_by_text("Create SR").first.click()
    page.wait_for_timeout(2000)
    page.get_by_role("button", name="Save").last.click()
    page.wait_for_timeout(6000)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("site", type=Path, help="OHIF's built site (package/dist)")
    parser.add_argument("orthanc", help="http://127.0.0.1:8042")
    parser.add_argument("-o", "--out", type=Path, default=Path("ohif-round-trip"))
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    given = parser.parse_args()
    truth = write_phantom(given.out / "phantom")
    results = given.out / "results"
    batch.run(truth.studies, results, Options.create(lesions="dicom", dicom=True))
    archive = connected(Remote(f"{given.orthanc.rstrip('/')}/dicom-web"))
    objects = results / truth.subject / "dicom"
    files, _ = outgoing(
        [
            truth.studies / DATE / "CT",
            *(objects / f"{DATE}-{k}.dcm" for k in ("diameters", "lesions")),
        ]
    )
    sent = push(archive, "OHIF", files, given.out / "push.csv", patience=Patience(), again=True)
    assert sent.exit_code == 0, sent
    server = site_server(given.site, given.orthanc)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    study = pydicom.dcmread(files[0].path, stop_before_pixels=True).StudyInstanceUID
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=given.chromium,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"http://127.0.0.1:{server.server_port}/viewer?StudyInstanceUIDs={study}")
        edit(page, given.out / "ohif.png")
        browser.close()
    server.shutdown()
    back = given.out / "back"
    shutil.rmtree(back, ignore_errors=True)
    pull(archive, "OHIF", [Wanted(truth.subject, modalities=("SR",))], back, patience=Patience())
    done = receive(results, [back], reader="Dr. R")
    print("\n".join((*done.lines, *done.left, f"{done.unchanged} came back unchanged")))
    changed = [line for line in done.lines if "RECIST 1.1, all" in line]
    raise SystemExit(0 if changed else "the response did not change")


if __name__ == "__main__":
    main()
