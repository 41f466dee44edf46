"""Every setting of Pilot: typed, described, frozen. The only reader of the environment.

`python -m pilot.config` prints .env.template, `python -m pilot.config markdown` prints docs/settings.md. Names follow
DB-GPT's .env, so that an old file mostly works.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pilot.errors import ConfigInvalid

ROOT = Path(__file__).resolve().parent.parent
BUNDLED_MODEL = "pilot-text-to-sql"
OFFLINE = {  # for the environment of a process that reads models: its libraries ask no hub
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
}


class Settings(BaseSettings):
    """Values come from the process environment, then from .env, then from the defaults below."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # The model
    llm_model: str = Field(BUNDLED_MODEL, description="Folder under models/ to serve, or proxyllm for another server.")
    llm_family: str = Field("", description="Prompt family, when the folder's name does not tell it (guanaco, vicuna).")
    models_dir: Path = Field(ROOT / "models", description="Where model folders lie.")
    unsloth_python: str = Field(
        "", description="Python of an environment of its own that Unsloth is installed in (docs/fine-tuning.md)."
    )
    model_precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4", "nf4+dq", "fp4", "fp4+dq"] = Field(
        "auto",
        description="Numbers that weights are kept in: fp32, bf16, fp16, int8, nf4, fp4, and with double quantisation "
        "nf4+dq, fp4+dq; auto: as the family prefers (Guanaco: nf4+dq), else the best that fits the memory.",
    )
    quantize_qlora: bool | None = Field(
        None, description="With MODEL_PRECISION=auto: true is nf4+dq, false never quantises."
    )
    max_position_embeddings: int = Field(4096, ge=128, description="Most tokens of prompt and answer together.")
    max_new_tokens: int = Field(1024, ge=1, description="Most new tokens when a request names no limit.")
    limit_model_concurrency: int = Field(16, ge=1, description="Most requests that generate at once.")
    model_queue_length: int = Field(32, ge=0, description="Most requests that wait; beyond it: 503 with Retry-After.")
    model_queue_seconds: float = Field(60, gt=0, description="Longest wait in the queue; beyond it: 503, too.")
    model_answer_seconds: float = Field(
        600, gt=0, description="Longest that one answer may take; beyond it, it ends with an error."
    )
    model_batch_rows: int = Field(
        32, ge=16, description="Most candidates, of all requests together, in one step of the model."
    )
    prefix_cache_mb: int = Field(
        512, ge=0, description="Memory for prompts read before, in megabytes: what begins alike is not read again."
    )
    model_device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    model_threads: int = Field(0, ge=0, description="CPU threads of the model; 0: one per core.")
    embedding_model: str = Field(
        "all-MiniLM-L6-v2", description="Folder under models/, or the bundled all-MiniLM-L6-v2."
    )
    embedding_precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="Numbers that the embedding model computes in; auto: bf16 where the processor is fast in it.",
    )
    reranker_model: str = Field(
        "", description="Cross-encoder under models/ that reads the best passages once more; empty: none."
    )
    proxy_server_url: str = Field("", description="OpenAI-compatible server behind LLM_MODEL=proxyllm, with /v1.")
    proxy_api_key: SecretStr | None = Field(None, description="Key for PROXY_SERVER_URL.")
    proxy_model: str = Field("", description="Model name to ask PROXY_SERVER_URL for; empty: its first.")

    # The two processes
    model_host: str = Field("127.0.0.1", description="Address the LLM server listens on.")
    model_port: int = Field(8000, ge=1, le=65535, description="Port of the LLM server.")
    model_server: str = Field(
        "", description="LLM server, or another that speaks OpenAI's API (vLLM); empty: this machine at MODEL_PORT."
    )
    embedding_server: str = Field("", description="Where embeddings come from; empty: MODEL_SERVER.")
    llm_api_key: SecretStr | None = Field(None, description="Key that the LLM server demands and the webserver sends.")
    web_server_host: str = Field("127.0.0.1", description="Address the web page listens on; others need WEB_PASSWORD.")
    web_server_port: int = Field(6006, ge=1, le=65535, description="Port of the web page.")
    web_password: SecretStr | None = Field(
        None, min_length=8, description="Password for the page; 8 characters or more."
    )
    data_dir: Path = Field(ROOT / "data", description="Everything made at run time: store, documents, indexes, logs.")
    language: Literal["en", "zh"] = Field(
        "en", description="Language of the page until a visitor picks another: en, zh."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people, or as JSON objects.")

    # Your database
    local_db_type: Literal["mysql", "postgresql"] = Field("mysql", description="mysql (MariaDB too) or postgresql.")
    local_db_host: str = Field("", description="Your database server; empty: only the sample database.")
    local_db_port: int = Field(3306, ge=1, le=65535, description="Port of the database server.")
    local_db_user: str = Field("", description="Account; give it SELECT only (docs/sql-safety.md).")
    local_db_password: SecretStr | None = Field(None, description="Its password.")
    local_db_name: str = Field("", description="Database; empty: every one that the account can see.")
    local_db_sslmode: Literal["prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="Encryption of the connection; verify-full: the server must prove who it is."
    )
    local_db_sslrootcert: str = Field(
        "", description="File in DATA_DIR/certificates that vouches for the server; empty: the system's authorities."
    )
    native_sql_can_run_write: bool = Field(
        False, description="Let people change data: one INSERT, UPDATE or DELETE, rehearsed and confirmed."
    )
    native_sql_can_run_ddl: bool = Field(
        False, description="Of DB-GPT's .env; true has no effect: CREATE, ALTER and DROP never run."
    )
    sql_timeout: float = Field(30, gt=0, le=600, description="Seconds that one query may take.")
    sql_max_rows: int = Field(1000, ge=1, le=100_000, description="Rows shown of one result.")
    sql_candidates: int = Field(4, ge=1, le=16, description="SQL candidates that the model proposes for one question.")

    # Your documents
    vector_store_type: Literal["Chroma"] = Field(
        "Chroma", description="Vector store; Chroma runs inside the webserver."
    )
    knowledge_chunk_size: int = Field(800, ge=100, le=8000, description="Characters of one chunk of a document.")
    knowledge_search_top_size: int = Field(5, ge=1, le=50, description="Passages that an answer may use.")
    knowledge_max_file_mb: int = Field(50, ge=1, le=2000, description="Largest document, in megabytes.")
    knowledge_allow_urls: bool = Field(
        False, description="Let people add documents by web address; each is fetched from the public internet."
    )

    @field_validator("vector_store_type", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.capitalize() if isinstance(value, str) else value

    @field_validator("language", mode="before")
    @classmethod
    def _of_a_locale(cls, value: object) -> object:
        """Desktops set LANGUAGE themselves, to lists of locales such as de_DE:de: anything but Chinese gets English."""
        if isinstance(value, str) and re.fullmatch(r"[a-z]{2,3}([_.@:-].*)?", value):
            return "zh" if value.startswith("zh") else "en"
        return value

    @field_validator("models_dir", "data_dir", mode="after")
    @classmethod
    def _below_root(cls, value: Path) -> Path:
        return value if value.is_absolute() else ROOT / value

    @field_validator("unsloth_python", mode="after")
    @classmethod
    def _absolute(cls, value: str) -> str:
        """It is started in other folders."""
        return str(ROOT / value) if "/" in value else value

    @property
    def model_url(self) -> str:
        """Where the LLM server is to be found."""
        return self.model_server or f"http://127.0.0.1:{self.model_port}"

    @property
    def serves_model_here(self) -> bool:
        """Whether MODEL_SERVER is this machine's own LLM server, which `run.sh` starts."""
        address = urlsplit(self.model_url)
        return address.hostname in ("127.0.0.1", "localhost", "::1") and address.port == self.model_port

    def environment(self) -> dict[str, str]:
        """For a process that shall have the same settings."""
        told = {name.upper(): getattr(self, name) for name in Settings.model_fields}
        plain = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in told.items()
        }
        return dict(os.environ) | {name: "" if value is None else str(value) for name, value in plain.items()}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings


def load(env_file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings once, in a door. `overrides` are the door's flags.

    Raises ConfigInvalid with one line for each wrong key; a secret's value is never in it.
    """
    options: dict[str, Any] = {} if env_file is None else {"_env_file": env_file}
    try:
        return Settings(**options, **overrides)
    except ValidationError as error:
        wrong = "; ".join(_explain(problem) for problem in error.errors(include_input=False, include_url=False))
        raise ConfigInvalid(f"wrong settings: {wrong}", remedy="Correct them in .env or the environment.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"cannot read .env: {error}", remedy="Save it as UTF-8 text.") from None


def stay_offline() -> None:
    """Tell the libraries that this process may load, before it does."""
    os.environ.update(OFFLINE)


def environment_of_others() -> dict[str, str]:
    """For a process that is not Pilot's: no setting of ours, hence no secret; its libraries ask no hub."""
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name.upper() not in ours} | OFFLINE


def template() -> str:
    """The text of .env.template: every setting with its meaning; all commented out but a few that people change."""
    lines = ["# Settings of Pilot. Copy to .env; what is commented out shows the default.", ""]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default is None else _plain(default)
        lines += [f"# {field.description}", f"#{name.upper()}={shown}", ""]
    return "\n".join(lines)


def markdown() -> str:
    """The text of docs/settings.md."""
    rows = [
        f"| `{name.upper()}` | `{_plain(field.default)}` | {field.description} |"
        if field.default not in (None, "")
        else f"| `{name.upper()}` | | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = [
        "# Settings",
        "",
        "From the environment, or from `.env` beside `run.sh`; the environment wins. This page is made by",
        "`python -m pilot.config markdown`, `.env.template` by `python -m pilot.config`.",
        "",
        "| name | default | meaning |",
        "|---|---|---|",
    ]
    return "\n".join(head + rows) + "\n"


def unknown_keys(env_file: Path) -> list[str]:
    """Keys in .env that Pilot does not know: most often left over from another product, or misspelt."""
    if not env_file.is_file():
        return []
    found = DotEnvSettingsSource(Settings, env_file=env_file, env_file_encoding="utf-8-sig").env_vars
    return sorted(key.upper() for key in found if key.lower() not in Settings.model_fields)


def _plain(default: object) -> str:
    if isinstance(default, Path):
        return str(default.relative_to(ROOT))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]).upper()
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


if __name__ == "__main__":
    sys.stdout.write(markdown() if sys.argv[1:] == ["markdown"] else template())
