"""The LLM server's door: flags, settings, application, uvicorn.

    python pilot/server/llmserver.py [--model guanaco-33b-merged] [--host 127.0.0.1] [--port 8000]

/health answers at once, /ready as soon as the model does. What is wrong with the settings is one line on standard
error and exit code 2; what is wrong with anything else is one line and exit code 1.
"""

import argparse
import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)  # run as a script, this folder would come first: its names would shadow others

from pilot import config, log  # noqa: E402
from pilot.config import Settings  # noqa: E402
from pilot.errors import ConfigInvalid, Conflict, ModelError, NotFound, PilotError  # noqa: E402
from pilot.model.adapters import ADAPTERS  # noqa: E402
from pilot.model.app import create_app  # noqa: E402
from pilot.model.base import LoadOptions, ModelAdapter  # noqa: E402
from pilot.model.embeddings import ENCODERS, Embedder, Encoder, find_encoder  # noqa: E402
from pilot.model.engine import Engine  # noqa: E402
from pilot.model.folders import Found, find  # noqa: E402
from pilot.model.metrics import Metrics  # noqa: E402
from pilot.model.reranking import JUDGES, Judge, Reranker  # noqa: E402
from pilot.model.serving import Serving, Wish  # noqa: E402
from pilot.store.runs import Runs  # noqa: E402

logger = logging.getLogger("pilot.llmserver")

ENVIRONMENT = config.OFFLINE | {
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait cost the other process its core
}
GRACE_SECONDS = 3  # that running requests get to finish at the end
STOPS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    for stop in STOPS:
        signal.signal(stop, _leave)
    try:
        flags, quiet = _flags()
        settings = config.load(**flags)
        log_file = settings.data_dir / "logs" / "llmserver.log"
        log.configure(settings.log_level, file=log_file, quiet=quiet, form=settings.log_format)
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advises a package that downloads code
        return _run(settings)
    except PilotError as error:
        sys.stderr.write(" ".join(f"llmserver: {error.message}. {error.remedy}".split()) + "\n")
        return 2 if isinstance(error, ConfigInvalid) else 1


def _run(settings: Settings) -> int:
    found = wanted(settings)
    encoder = partial(_encoder, settings)
    encoder(settings.embedding_model)  # a name that is wrong is told before anything is loaded
    door = _listen(settings.model_host, settings.model_port)
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    if not key and not _is_loopback(settings.model_host):
        logger.warning("%s is open to other machines without a key: set LLM_API_KEY", settings.model_host)
    os.environ.update(ENVIRONMENT)
    if settings.model_threads:
        os.environ["OMP_NUM_THREADS"] = str(settings.model_threads)
    metrics = Metrics()
    first = Wish(found, settings.model_precision)
    engine = Engine(
        partial(_load_model, settings, first),
        name=found.name,
        concurrency=settings.limit_model_concurrency,
        queue_length=settings.model_queue_length,
        queue_seconds=settings.model_queue_seconds,
        answer_seconds=settings.model_answer_seconds,
        max_new_tokens=settings.max_new_tokens,
        metrics=metrics,
    )
    embedder = Embedder(
        encoder(settings.embedding_model), name=settings.embedding_model, others=encoder, metrics=metrics
    )
    reranker = Reranker(settings.reranker_model, partial(_load_judge, settings))
    app = create_app(engine, embedder, reranker, api_key=key)
    serving = Serving(
        engine,
        partial(_load_model, settings),
        first,
        settings.models_dir,
        otherwise=_otherwise(settings, found),
        family=settings.llm_family,
    )
    app.state.serving = serving
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    try:
        asyncio.run(_serve(server, door, serving, embedder))
    finally:
        ended = engine.close() and embedder.close() and reranker.close()
    if not ended:  # a thread deep in a library, most often still loading: the interpreter's own end would wait or crash
        logging.shutdown()
        os._exit(0)
    return 0


def wanted(settings: Settings) -> Found:
    """LLM_MODEL, or what a release has put in its place."""
    try:
        wanted = Runs(settings.data_dir).served_instead_of(settings.llm_model)
        if wanted != settings.llm_model:
            family = settings.llm_family if wanted.startswith(f"{settings.llm_model}:") else ""
            found = find(wanted, settings.models_dir, family=family)
            logger.info("serving %s, which was released in the place of %s", wanted, settings.llm_model)
            return found
    except (ModelError, NotFound) as error:
        logger.warning("what was released cannot be served: %s", error.message)
    return find(settings.llm_model, settings.models_dir, family=settings.llm_family)


def _otherwise(settings: Settings, wanted: Found) -> Wish | None:
    """LLM_MODEL again, where a release that can be read cannot be loaded: the page must live to go back."""
    if wanted.name == settings.llm_model:
        return None
    try:
        return Wish(find(settings.llm_model, settings.models_dir, family=settings.llm_family), settings.model_precision)
    except ModelError:
        return None


async def _serve(server: uvicorn.Server, door: socket.socket, models: Serving, embedder: Embedder) -> None:
    """Until a signal comes, or the model cannot be loaded: then raises why."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)  # uvicorn takes them over, and repeats them at its end
    logger.info("listening on http://%s:%d", *door.getsockname()[:2])
    serving = asyncio.create_task(server.serve(sockets=[door]))
    loading = asyncio.create_task(_load_all(models, embedder))
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    failed = loading.done() and loading.exception() is not None
    server.should_exit = server.should_exit or failed
    await serving
    if failed:
        loading.result()
    loading.cancel()


async def _load_all(models: Serving, embedder: Embedder) -> None:
    await models.start()
    try:
        await embedder.load()  # after the model: importing its library takes seconds of the same cores
    except PilotError as error:
        logger.error("no embeddings: %s. %s", error.message, error.remedy)


def _load_model(settings: Settings, wish: Wish) -> ModelAdapter:
    found = wish.found
    return ADAPTERS.get(found.family.adapter).load(found.name, found.folder, _options(settings, wish))


def _encoder(settings: Settings, name: str) -> Callable[[], Encoder]:
    """What loads this embedding model. Raises ModelUnknown."""
    folder = find_encoder(name, settings.models_dir)
    return lambda: ENCODERS.get("sentence_transformers").load(
        folder, settings.model_device, settings.embedding_precision
    )


def _load_judge(settings: Settings) -> Judge:
    folder = find_encoder(settings.reranker_model, settings.models_dir)
    return JUDGES.get("cross_encoder").load(folder, settings.model_device)


def _options(settings: Settings, wish: Wish) -> LoadOptions:
    return LoadOptions(
        models_dir=settings.models_dir,
        device=settings.model_device,
        precision=wish.precision,
        quantise=settings.quantize_qlora,
        context=settings.max_position_embeddings,
        threads=settings.model_threads,
        rows=settings.model_batch_rows,
        prefix_bytes=settings.prefix_cache_mb * 1_000_000,
        proxy_url=settings.proxy_server_url,
        proxy_key=settings.proxy_api_key.get_secret_value() if settings.proxy_api_key else "",
        proxy_model=settings.proxy_model,
        family=wish.found.family,
        adapter=wish.found.adapter,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Taken before anything slow happens, so that a second server says so at once."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = f"cannot listen on {host}:{port}: {(error.strerror or str(error)).split(' (')[0]}"
        if error.errno == errno.EADDRINUSE:
            raise Conflict(why, remedy="Stop what uses the port, or set MODEL_PORT to another.") from error
        raise ConfigInvalid(why, remedy="Correct MODEL_HOST or MODEL_PORT.") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _flags() -> tuple[dict[str, Any], bool]:
    """The flags given, as settings: `config` checks them, so that a wrong one reads like a wrong setting. And whether
    the log goes to its file alone.
    """
    parser = argparse.ArgumentParser(description="Serve one model to Pilot's webserver and to OpenAI clients.")
    parser.add_argument("--model", dest="llm_model", help="folder under models/, proxyllm or scripted (LLM_MODEL)")
    parser.add_argument("--host", dest="model_host", help="address to listen on (MODEL_HOST)")
    parser.add_argument("--port", dest="model_port", help="port to listen on (MODEL_PORT)")
    parser.add_argument("--quiet", action="store_true", help="log to data/logs/llmserver.log alone")
    given = vars(parser.parse_args())
    quiet = given.pop("quiet")
    return {name: value for name, value in given.items() if value is not None}, quiet


def _leave(*_: object) -> None:
    """Before the server runs, nothing needs an orderly end."""
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
