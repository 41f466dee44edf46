"""Routes by which the owner changes the served model: behind the same key as all others."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from pilot.errors import ModelUnable
from pilot.model.serving import Serving
from pilot.protocol import LoadRequest, ServingOverview, ServingState

router = APIRouter(prefix="/v1/serving")


class Unloading(BaseModel):
    """Empty; a body of JSON all the same: no foreign page can send one without being asked first."""


def serving_of(request: Request) -> Serving:
    serving: Serving | None = getattr(request.app.state, "serving", None)
    if serving is None:
        raise ModelUnable("this server serves one model only", remedy="Start pilot/server/llmserver.py instead.")
    return serving


ServingHere = Annotated[Serving, Depends(serving_of)]


@router.get("")
def overview(serving: ServingHere) -> ServingOverview:
    """What is served, what is being loaded, and what lies under models/."""
    return ServingOverview(**serving.state.model_dump(), models=serving.offers())


@router.post("/load")
async def load(wish: LoadRequest, serving: ServingHere) -> ServingState:
    """Begins at once; `GET /v1/serving` tells how far it is."""
    serving.load(wish.model, precision=wish.precision)
    return serving.state


@router.post("/unload")
async def unload(_: Unloading, serving: ServingHere) -> ServingState:
    serving.unload()
    return serving.state
