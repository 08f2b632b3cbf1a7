# The image: the exporter in a folder of its own, on Debian's slim Python. Nothing in it is written to while it runs,
# and nothing but Python runs: no shell, no package manager, no compiler is asked for.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# What time files have: from the same commit and the same base comes the same image.
ARG SOURCE_DATE_EPOCH=1577836800
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1
WORKDIR /src
COPY locks locks
RUN python -m venv /opt/build \
 && python -m venv --without-pip /opt/exporter \
 && /opt/build/bin/pip install --requirement locks/build.txt \
 && /opt/build/bin/pip --python /opt/exporter/bin/python install --no-compile --requirement locks/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
# The wheel is our own, so no lock has its hash. Bytecode is made here, once, and never looked at again: compiled at
# each start, with a file system that cannot keep it, it would cost every start and every health check a second.
RUN export PIP_REQUIRE_HASHES=0 SOURCE_DATE_EPOCH \
 && /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/exporter/bin/python install --no-compile --no-deps --no-index dist/*.whl \
 && /opt/exporter/bin/python -m compileall -q --invalidation-mode unchecked-hash -x /pygments/lexers/ /opt/exporter/lib \
 && find /opt/exporter -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${PYTHON}
LABEL org.opencontainers.image.title="aadsts-exporter" \
      org.opencontainers.image.description="Probes OAuth 2.0 token endpoints and counts every error code for Prometheus" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/exporter /opt/exporter
ENV PATH=/opt/exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /etc/aadsts-exporter
USER 65532:65532
EXPOSE 10471
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["aadsts-exporter", "healthy"]
ENTRYPOINT ["aadsts-exporter"]
CMD ["serve", "--config.file=/etc/aadsts-exporter/config.yaml"]
