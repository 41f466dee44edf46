"""The served model: what it is, what could be served instead, and the change from one to the other."""

from fastapi import APIRouter

from pilot.protocol import LoadRequest, ServingOverview, ServingState
from pilot.web.api.parts import PREFIX, PROBLEMS, ServicesDep

router = APIRouter(prefix=f"{PREFIX}/models", tags=["models"], responses=PROBLEMS)


@router.get("")
async def list_models(services: ServicesDep) -> ServingOverview:
    """Which model is served or being loaded, and every other that lies in the folder of models."""
    return await services.serving()


@router.post("/load", status_code=202)
async def load_model(wish: LoadRequest, services: ServicesDep) -> ServingState:
    """Begins at once; the list tells how far it is. A folder that is not whole is refused with the file's name."""
    return await services.load_model(wish.model, precision=wish.precision)


@router.post("/unload", status_code=202)
async def unload_model(services: ServicesDep) -> ServingState:
    """Running answers get a moment to end; then the memory is free."""
    return await services.unload_model()
