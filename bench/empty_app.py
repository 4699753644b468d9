"""The smallest FastAPI application, with nothing of the service, for memory and start-up.

`python -m bench.empty_app PORT` serves it. It takes any JSON object for a signature.
"""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

app = FastAPI(docs_url=None, redoc_url=None)


@app.post("/v1/petitions/{slug}/signatures", status_code=201)
async def sign(slug: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - it is empty
    """Answers a signature."""
    return {"message": slug}


@app.get("/livez")
async def live() -> dict[str, str]:
    """Answers that the process is ready."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
