"""What differs between model families, as data: prompt template, stop strings, precision, known tokenizer faults."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pilot.model.precisions import AUTO
from pilot.protocol import Ability, Message


@dataclass(frozen=True)
class Template:
    """How a family marks who speaks: a turn is its mark, its text and its end.

    Source of each row: the prompt that its authors trained it on.
    """

    user: str
    assistant: str
    user_end: str
    assistant_end: str
    system_end: str
    system_mark: str = ""
    system: str = ""  # said when the conversation brings no system message of its own
    opening: str = ""  # where the system speaks at the head of the first question: "<<SYS>>{}..."

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, up to where the model's answer begins."""
        said = "\n".join(message.content for message in messages if message.role == "system") or self.system
        head = self.opening.format(said) if said else ""
        parts = [self.system_mark + said + self.system_end] if said and not head else []
        for message in messages:
            if message.role == "user":
                parts.append(self.user + head + message.content + self.user_end)
                head = ""
            elif message.role == "assistant":
                parts.append(self.assistant + message.content + self.assistant_end)
        return "".join(parts) + self.assistant.rstrip(" ")  # SentencePiece reads the blank as part of the next word

    @property
    def gap(self) -> str:
        """What `render` left off: the model's answer begins with it."""
        return self.assistant[len(self.assistant.rstrip(" ")) :]


@dataclass(frozen=True)
class Family:
    """One row. `template` None: the one that came with the tokenizer."""

    name: str
    adapter: str
    template: Template | None = None
    stops: tuple[str, ...] = ()
    precision: str = AUTO  # unless the owner says otherwise
    bos_token_id: int | None = None  # where the tokenizer's own is missing or wrong
    abilities: tuple[Ability, ...] = ("chat", "text_to_sql")
    weights: bool = True  # False: nothing has to lie under models/
    begins: tuple[str, ...] = ()  # how names of its folders begin; empty: as its own
    own_first: bool = False  # a template that came with the tokenizer goes before the row's


CURIOUS = (
    "A chat between a curious {person} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {person}'s questions."
)
HASHES = Template(
    user="### Human: ",
    assistant="### Assistant: ",
    user_end="\n",
    assistant_end="\n",
    system_end="\n",
    system=CURIOUS.format(person="human"),
)

PLAIN = Template(user="", assistant="", user_end="\n", assistant_end="\n", system_end="\n")
INST_LLAMA = Template(
    user="[INST] ",
    assistant=" ",
    user_end=" [/INST]",
    assistant_end=" </s><s>",
    system_end="",
    opening="<<SYS>>\n{}\n<</SYS>>\n\n",
)
INST_MISTRAL = replace(INST_LLAMA, assistant_end="</s>", opening="{}\n\n")


def _headers(header: str, end: str) -> Template:
    """Every turn, the system's too, stands between a header with its speaker and an end."""
    return Template(
        user=header.format("user"),
        assistant=header.format("assistant"),
        user_end=end,
        assistant_end=end,
        system_end=end,
        system_mark=header.format("system"),
    )


FAMILIES: tuple[Family, ...] = (
    Family(
        "guanaco",
        "causal",
        template=HASHES,
        stops=("\n### Human:", "### Human:", "\n### Assistant:", "### Assistant:"),
        precision="nf4+dq",  # as it was trained; a 33B model then fits one 24 GB card
        bos_token_id=1,  # early LLaMA tokenizers name another
    ),
    Family(
        "vicuna",
        "causal",
        template=Template(
            user="USER: ",
            assistant="ASSISTANT: ",
            user_end=" ",
            assistant_end="</s>",
            system_end=" ",
            system=CURIOUS.format(person="user"),
        ),
        stops=("USER:", "</s>"),
        bos_token_id=1,
    ),
    Family(
        "llama",  # the first: base models alone, which go on with the text
        "causal",
        template=PLAIN,
        bos_token_id=1,
        begins=("llama-7b", "llama-13b", "llama-30b", "llama-33b", "llama-65b"),
    ),
    Family("llama-2", "causal", template=INST_LLAMA, own_first=True, begins=("llama-2", "meta-llama-2")),
    Family(
        "llama-3",
        "causal",
        template=_headers("<|start_header_id|>{}<|end_header_id|>\n\n", "<|eot_id|>"),
        stops=("<|eot_id|>",),
        own_first=True,
        begins=("llama-3-", "llama-3.", "meta-llama-3"),
    ),
    Family("mistral", "causal", template=INST_MISTRAL, own_first=True, begins=("mistral", "mixtral", "ministral")),
    Family(
        "qwen",
        "causal",
        template=_headers("<|im_start|>{}\n", "<|im_end|>\n"),
        stops=("<|im_end|>",),
        own_first=True,
        begins=("qwen", "qwq"),
    ),
    Family("chatglm", "causal", begins=("chatglm", "glm-4")),  # each generation with a template of its own
    Family(
        "falcon",
        "causal",
        template=Template(user="User: ", assistant="Assistant: ", user_end="\n", assistant_end="\n", system_end="\n"),
        stops=("\nUser:",),
        own_first=True,
    ),
    Family("t5", "seq2seq", template=PLAIN, begins=("t5", "flan-t5", "flan-ul2", "mt5")),
    Family("plain", "causal", template=PLAIN),  # was never taught to chat: it goes on with the text
    Family("causal", "causal"),
    Family("pilot-text-to-sql", "text_to_sql", abilities=("text_to_sql",)),
    Family("proxyllm", "proxy", weights=False),
    Family("scripted", "scripted", weights=False),
)
OWN_TEMPLATE = next(row for row in FAMILIES if row.name == "causal")


def by_name(name: str) -> Family | None:
    """The row of exactly this name, in any case."""
    return next((row for row in FAMILIES if row.name == name.lower()), None)


def by_folder(folder: str) -> Family | None:
    """The row that the folder's name begins with; of several, the longest."""
    begins = [(begin, row) for row in FAMILIES for begin in row.begins or (row.name,)]
    fitting = [(begin, row) for begin, row in begins if folder.lower().startswith(begin)]
    return max(fitting, key=lambda found: len(found[0]), default=("", None))[1]
