"""E, the baseline: a FastAPI endpoint with the models of a signature and nothing behind them.

`python -m bench.empty_endpoint PORT` serves it. Of the service it imports only the schemas of a
signature, so that it checks the same body and writes the same answer. These schemas import models
and services, some 50 MB, which no empty endpoint would have. So memory and start-up are compared
with `bench.empty_app`, which has none of them.
"""

import sys

import uvicorn
from fastapi import FastAPI

from api.schemas.signature import NewSignature, SignedAnswer

app = FastAPI(docs_url=None, redoc_url=None)


@app.post("/v1/petitions/{slug}/signatures", status_code=201)
async def sign(slug: str, body: NewSignature) -> SignedAnswer:  # noqa: ARG001 - it is E
    """Answers as to a signature in an unknown seat."""
    return SignedAnswer(constituency=None, member=None, motion=None, message=slug)


@app.get("/livez")
@app.get("/empty")
async def nothing() -> dict[str, str]:
    """Answers a read."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
