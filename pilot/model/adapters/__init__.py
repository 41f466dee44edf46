"""Every way to run a model, by name. An adapter from outside is an entry point in the group `pilot.adapters`."""

from pilot.model.base import ModelAdapter
from pilot.registry import Registry

ADAPTERS: Registry[ModelAdapter] = Registry(
    "model adapter",
    {
        "causal": "pilot.model.adapters.causal:CausalAdapter",
        "gguf": "pilot.model.adapters.gguf:GgufAdapter",
        "proxy": "pilot.model.adapters.proxy:ProxyAdapter",
        "scripted": "pilot.model.adapters.scripted:ScriptedAdapter",
        "seq2seq": "pilot.model.adapters.seq2seq:Seq2SeqAdapter",
        "text_to_sql": "pilot.model.text_to_sql.adapter:TextToSqlAdapter",
    },
    group="pilot.adapters",
)
