"""The REST doors under /api/v1: the same services that the page uses, JSON in and out."""

from pilot.web.api import answers, approved, conversations, documents, models, own, schema, sources, writes

ROUTERS = (
    sources.router,
    writes.router,
    schema.router,
    answers.router,
    approved.router,
    documents.router,
    conversations.router,
    models.router,
    own.router,
)
