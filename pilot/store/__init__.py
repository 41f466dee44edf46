"""The app store: what people said and did, kept in the data folder."""

from pilot.store.store import Store
from pilot.store.values import Approved, Conversation, ConversationKind, Judged, StoredSource, Turn, Verdict

__all__ = ["Approved", "Conversation", "ConversationKind", "Judged", "Store", "StoredSource", "Turn", "Verdict"]
