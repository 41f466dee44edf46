"""The reranking route, as vLLM, Jina and Cohere shape it."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from pilot.model.reranking import Reranker
from pilot.model.wire import check_text, unless_gone

router = APIRouter(prefix="/v1")

MOST_TEXTS = 200


class RerankRequest(BaseModel):
    model: str = ""
    query: str
    documents: list[str] = Field(max_length=MOST_TEXTS)
    top_n: int | None = Field(None, ge=1)


def served_reranker(request: Request) -> Reranker:
    reranker: Reranker = request.app.state.reranker
    return reranker


@router.post("/rerank")
async def rerank(
    wish: RerankRequest, request: Request, reranker: Annotated[Reranker, Depends(served_reranker)]
) -> dict[str, Any]:
    """The documents by how well they answer, best first."""
    check_text([wish.query, *wish.documents])
    scores = await unless_gone(request, reranker.scores(wish.query, wish.documents, model=wish.model))
    ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])[: wish.top_n]
    results = [{"index": index, "relevance_score": score} for index, score in ranked]
    return {"id": f"rerank-{uuid.uuid4().hex}", "model": reranker.name, "results": results}
