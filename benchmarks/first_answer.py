"""From a cold start to the first answers on the sample shop: what a visitor waits for.

    python benchmarks/first_answer.py [--json FILE]

Starts both doors by command in an empty data folder, on ports of their own, and prints seconds. The questions go
through the REST door with a whole answer each; their baseline in the same run is the LLM server alone, asked for the
same number of candidates over the same schema: the ratio is what checking, running, voting and explaining add.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = (
    "How many customers are there?",
    "Which five products sold best?",
    "average order value per country",
    "customers from Berlin",
    "orders in 2025",
    "how many orders are pending?",
    "employees who earn more than 50000",
    "total revenue per month",
)
ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the figures flat to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    for name, value in figures.items():
        print(f"{name:<28} {value:8.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(folder: Path) -> dict[str, float]:
    model_port, web_port = _free_port(), _free_port()
    environment = os.environ | {
        "DATA_DIR": str(folder),
        "MODEL_PORT": str(model_port),
        "WEB_SERVER_PORT": str(web_port),
    }
    model, web = f"http://127.0.0.1:{model_port}", f"http://127.0.0.1:{web_port}"
    doors: list[subprocess.Popen[bytes]] = []
    try:
        doors.append(_start("llmserver.py", environment))
        figures = {"llmserver_ready_s": _until(f"{model}/ready", 120)}
        doors.append(_start("webserver.py", environment))
        figures["page_answers_s"] = _until(f"{web}/", 120)
        _until(f"{web}/ready", 120)
        return figures | _ask(model, web)
    finally:
        for door in doors:
            door.terminate()
        for door in doors:
            door.wait(20)


def _ask(model: str, web: str) -> dict[str, float]:
    source = urllib.parse.quote("Sample shop")
    started = time.monotonic()
    _post(f"{web}/api/v1/sources/{source}/ask", {"question": QUESTIONS[0]})
    first = time.monotonic() - started
    schema = (ROOT / "pilot" / "sample" / "shop.py").read_text(encoding="utf-8").split('"""')[3]
    whole: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        for question in QUESTIONS:  # in turn, so that both meet the same machine
            whole.append(_timed(f"{web}/api/v1/sources/{source}/ask", {"question": question}))
            messages = [{"role": "user", "content": f"{schema}\nQuestion: {question}"}]
            bare.append(_timed(f"{model}/v1/chat/completions", {"messages": messages, "n": 4}))
    return {
        "first_question_s": first,
        "question_median_s": statistics.median(whole),
        "question_max_s": max(whole),
        "bare_model_median_s": statistics.median(bare),
        "question_over_bare_model": statistics.median(whole) / statistics.median(bare),
    }


def _start(door: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(ROOT / "pilot" / "server" / door)], env=environment,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def _until(url: str, seconds: float) -> float:
    """Seconds until `url` answers 200."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return time.monotonic() - started
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"{url} did not answer within {seconds:.0f} s")


def _timed(url: str, body: dict[str, Any]) -> float:
    started = time.monotonic()
    _post(url, body)
    return time.monotonic() - started


def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
