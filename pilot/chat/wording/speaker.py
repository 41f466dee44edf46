"""What the parts of the wording share: the reader's language, the names, and each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from pilot.chat.wording.names import Names
from pilot.i18n import Texts
from pilot.schema import Dialect

Say = Callable[["Speaker", exp.Expr], str]

COMPOSED = (exp.Case, exp.If, exp.Coalesce)  # told in several clauses
COMPOSITE = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, *COMPOSED)


@dataclass(frozen=True)
class Speaker:
    """Values, conditions and queries hold each other, so each finds the others here. Wired in `explain`."""

    texts: Texts
    names: Names
    dialect: Dialect
    say_value: Say
    say_condition: Say
    say_query: Say

    def value(self, node: exp.Expr) -> str:
        """What a value is: 'the total of amount'."""
        return self.say_value(self, node)

    def condition(self, node: exp.Expr) -> str:
        """What must hold: 'country is “Germany”'."""
        return self.say_condition(self, node)

    def query(self, node: exp.Expr) -> str:
        """What a whole query gives, as a noun: 'the values of id in orders'."""
        return self.say_query(self, node)

    def operand(self, node: exp.Expr) -> str:
        """A value, with brackets where words alone would not say what belongs together."""
        inner = node.unnest() if isinstance(node, exp.Paren) else node
        told = self.value(inner)
        return self.texts("chat.say.bracket", x=told) if isinstance(inner, COMPOSITE) else told

    def list(self, parts: Sequence[str], *, word: str = "chat.list.and") -> str:
        """a, b and c."""
        if len(parts) < 2:
            return "".join(parts)
        comma = self.texts("chat.list.comma")
        return self.texts(word, first=comma.join(parts[:-1]), last=parts[-1])

    def values(self, nodes: Sequence[exp.Expr], *, word: str = "chat.list.and") -> str:
        return self.list([self.value(node) for node in nodes], word=word)
