# Parlance in a container: docs/operating/containers.md says how it is run.
#
# The base: Python 3.11, the version that is tested, on Debian. Not Alpine: several engines have wheels
# for glibc alone. Both stages have the same one, since the environment is copied from one to the other.

FROM python:3.11-slim-bookworm AS build

# A compiler is needed for llama.cpp alone; cmake and ninja come with the locks.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /build && python -m venv --without-pip /opt/parlance
ENV PATH=/build/bin:$PATH
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.lock

# Any machine with AVX2, or 64-bit Arm, can run what is built; --build-arg CMAKE_ARGS= builds for this one.
ARG CMAKE_ARGS="-DGGML_NATIVE=OFF"
RUN CMAKE_ARGS="$CMAKE_ARGS -DCMAKE_PROJECT_llama_cpp_INCLUDE=/src/requirements/llama_cpp.cmake" \
    pip wheel --no-cache-dir --no-deps --require-hashes --no-build-isolation \
    -r requirements/run.lock -w /wheels

COPY pyproject.toml hatch_build.py README.md LICENSE config.yaml ./
COPY alembic/ alembic/
COPY backends/ backends/
COPY bot/ bot/
COPY plugins/ plugins/
RUN python -m hatchling build -t wheel -d /wheels \
    && pip --python /opt/parlance/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl


FROM python:3.11-slim-bookworm

# libgomp runs llama.cpp's threads; git reads documents from repositories.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends git libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home parlance \
    && mkdir -p /parlance/data /models \
    && chown parlance:parlance /parlance/data /models

COPY --from=build /opt/parlance /opt/parlance

# The port is for the health check, and opened to this container alone; http.host decides otherwise.
ENV PATH=/opt/parlance/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PARLANCE_MODELS_DIR=/models \
    PARLANCE_HTTP__PORT=3000

USER 10001:10001
# config.yaml and .env are read from here; secrets come with the environment and are in no layer.
WORKDIR /parlance
VOLUME ["/parlance/data", "/models"]

# The first start fetches the models.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10m --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PARLANCE_HTTP__PORT\"]}/healthz', timeout=5)"]

ENTRYPOINT ["parlance"]
CMD ["run"]
